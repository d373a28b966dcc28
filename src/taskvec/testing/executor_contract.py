"""What every executor promises, as a test class: subclass it and say which executor is meant.

Tasks are values, as an executor may send them to other processes; what they did is told by files in a folder.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskvec.streaming.executors import Executor

WORKERS = 3
MAX_UNDER_WAY = 4
"""Items per worker that may have been taken and not yet given back."""


@dataclass(frozen=True)
class Squares:
    """Squares an item; every fifth takes long."""

    def __call__(self, item: int) -> int:
        """Return item²."""
        time.sleep(0.002 if item % 5 == 0 else 0)
        return item * item


@dataclass(frozen=True)
class FailsTwice:
    """Fails late at item 3 and at once at item 5."""

    def __call__(self, item: int) -> int:
        """Return the item.

        Raises:
            RuntimeError: At items 3 and 5.
        """
        if item == 3:
            time.sleep(0.02)
        if item in {3, 5}:
            raise RuntimeError(f"item {item}")
        return item


@dataclass(frozen=True)
class Marks:
    """Leaves a file for every item that is begun, and another when it is done.

    Attributes:
        folder: Where.
        seconds: How long an item takes.
        fails: Whether the first item fails.
    """

    folder: Path
    seconds: float
    fails: bool = False

    def __call__(self, item: int) -> tuple[float, float]:
        """Return when the item was begun and when it was done.

        Raises:
            RuntimeError: If the first fails.
        """
        begun = time.monotonic()
        (self.folder / f"begun {item}").touch()
        if self.fails and item == 0:
            raise RuntimeError("stop")
        time.sleep(self.seconds)
        (self.folder / f"done {item}").touch()
        return begun, time.monotonic()

    def count(self, what: str) -> int:
        """Return how many items were ``begun`` or ``done`` by now."""
        return len(list(self.folder.glob(f"{what} *")))


class ExecutorContract:
    """The promises of :class:`~taskvec.streaming.executors.Executor`; a subclass provides the fixture ``executor``."""

    @pytest.fixture
    def executor(self) -> Executor:
        """Return the executor under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("workers", [1, WORKERS])
    def test_results_come_in_the_order_of_the_items(self, executor: Executor, workers: int) -> None:
        """Early items that take long are still given back first."""
        assert list(executor.run(Squares(), range(40), workers)) == [item * item for item in range(40)]

    def test_nothing_to_do_is_done(self, executor: Executor) -> None:
        """No items give no results."""
        assert list(executor.run(str, [], WORKERS)) == []

    def test_the_first_exception_in_order_is_raised_after_the_results_before_it(self, executor: Executor) -> None:
        """Item 5 fails at once and item 3 fails late: three results come, then the error of item 3."""
        results: list[int] = []
        with pytest.raises(RuntimeError, match="item 3"):
            results.extend(executor.run(FailsTwice(), range(100), WORKERS))
        assert results == [0, 1, 2]

    def test_an_exception_ends_the_run(self, executor: Executor, tmp_path: Path) -> None:
        """What has not begun when an item fails never begins, and nothing runs on after the error is raised."""
        marks = Marks(tmp_path, 0.05, fails=True)
        with pytest.raises(RuntimeError, match="stop"):
            list(executor.run(marks, range(1000), WORKERS))
        seen = marks.count("begun")
        time.sleep(0.06)
        assert marks.count("begun") == seen <= WORKERS * MAX_UNDER_WAY
        assert marks.count("done") == seen - 1

    def test_items_are_taken_as_they_are_needed(self, executor: Executor) -> None:
        """A slow reader of results holds the run up: items and results that wait are bounded."""
        taken = 0

        def items() -> Iterator[int]:
            nonlocal taken
            for item in range(200):
                taken += 1
                yield item

        for given_back, _ in enumerate(executor.run(str, items(), WORKERS)):
            assert taken - given_back <= WORKERS * MAX_UNDER_WAY
        assert taken == 200

    def test_no_more_than_the_allowed_number_work_at_once(self, executor: Executor, tmp_path: Path) -> None:
        """Memory is planned for so many."""
        spans = list(executor.run(Marks(tmp_path, 0.001), range(30), WORKERS))
        most = max(sum(begun <= moment < done for begun, done in spans) for moment, _ in spans)
        assert 1 <= most <= WORKERS

    def test_a_run_that_is_abandoned_leaves_nothing_running(self, executor: Executor, tmp_path: Path) -> None:
        """Whoever stops reading results stops the work."""
        marks = Marks(tmp_path, 0.001)
        results = executor.run(marks, range(1000), WORKERS)
        next(results)
        results.close()
        seen = marks.count("done")
        time.sleep(0.02)
        assert marks.count("done") == marks.count("begun") == seen < 50

    def test_a_run_within_another_does_not_wait_for_it(self, executor: Executor) -> None:
        """Whoever reads results may run something else meanwhile."""
        for number in executor.run(Squares(), range(3), WORKERS):
            assert list(executor.run(str, [number], 1)) == [str(number)]
