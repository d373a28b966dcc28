"""What every executor promises, as a test class: subclass it and say which executor is meant."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from taskvec.streaming.executors import Executor

MAX_UNDER_WAY = 4
"""Items per worker that may have been taken and not yet given back."""


class ExecutorContract:
    """The promises of :class:`~taskvec.streaming.executors.Executor`; a subclass provides the fixture ``executor``."""

    @pytest.fixture
    def executor(self) -> Executor:
        """Return the executor under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("workers", [1, 2, 5])
    def test_results_come_in_the_order_of_the_items(self, executor: Executor, workers: int) -> None:
        """Early items that take long are still given back first."""

        def task(item: int) -> int:
            time.sleep(0.002 if item % 5 == 0 else 0)
            return item * item

        assert list(executor.run(task, range(40), workers)) == [item * item for item in range(40)]

    def test_nothing_to_do_is_done(self, executor: Executor) -> None:
        """No items give no results."""
        assert list(executor.run(str, [], 2)) == []

    @pytest.mark.parametrize("workers", [1, 3])
    def test_the_first_exception_in_order_is_raised_after_the_results_before_it(
        self, executor: Executor, workers: int
    ) -> None:
        """Item 5 fails at once and item 3 fails late: three results come, then the error of item 3."""

        def task(item: int) -> int:
            if item == 3:
                time.sleep(0.02)
            if item in {3, 5}:
                raise RuntimeError(f"item {item}")
            return item

        results: list[int] = []
        with pytest.raises(RuntimeError, match="item 3"):
            results.extend(executor.run(task, range(100), workers))
        assert results == [0, 1, 2]

    def test_an_exception_ends_the_run(self, executor: Executor) -> None:
        """Beside the few items under way when one fails none begins, and nothing runs on after the error is raised."""
        begun: list[int] = []

        def task(item: int) -> None:
            begun.append(item)
            if item == 0:
                raise RuntimeError("stop")
            time.sleep(0.05)

        with pytest.raises(RuntimeError, match="stop"):
            list(executor.run(task, range(1000), 2))
        seen = len(begun)
        time.sleep(0.06)
        assert len(begun) == seen <= 2 * MAX_UNDER_WAY

    def test_items_are_taken_as_they_are_needed(self, executor: Executor) -> None:
        """A slow reader of results holds the run up: items and results that wait are bounded."""
        taken = 0

        def items() -> Iterator[int]:
            nonlocal taken
            for item in range(200):
                taken += 1
                yield item

        for given_back, _ in enumerate(executor.run(str, items(), 2)):
            assert taken - given_back <= 2 * MAX_UNDER_WAY
        assert taken == 200

    @pytest.mark.parametrize("workers", [1, 2, 4])
    def test_no_more_than_the_allowed_number_work_at_once(self, executor: Executor, workers: int) -> None:
        """Buffers are one a worker; a task that finds none free would wait for ever."""
        lock, at_work, most = threading.Lock(), 0, 0

        def task(item: int) -> None:  # noqa: ARG001
            nonlocal at_work, most
            with lock:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.001)
            with lock:
                at_work -= 1

        list(executor.run(task, range(30), workers))
        assert 1 <= most <= workers

    def test_a_run_that_is_abandoned_leaves_nothing_running(self, executor: Executor) -> None:
        """Whoever stops reading results stops the work."""
        done: list[int] = []

        def task(item: int) -> None:
            time.sleep(0.001)
            done.append(item)

        results = executor.run(task, range(1000), 2)
        next(results)
        results.close()  # type: ignore[attr-defined]
        seen = len(done)
        time.sleep(0.02)
        assert len(done) == seen < 50
