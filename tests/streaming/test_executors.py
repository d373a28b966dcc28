from __future__ import annotations

from collections.abc import Iterator

import pytest

from taskvec.streaming.executors import EXECUTORS, Executor
from taskvec.testing.executor_contract import ExecutorContract


class TestEveryExecutor(ExecutorContract):
    @pytest.fixture(params=EXECUTORS)
    def executor(self, request: pytest.FixtureRequest) -> Executor:
        return EXECUTORS[request.param]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_three_items_a_worker_are_under_way_at_once(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    results = EXECUTORS["threads"].run(lambda item: item, items(), workers)
    assert next(results) == 0
    assert len(taken) == 3 * workers
    assert next(results) == 1
    assert len(taken) == 3 * workers + 1
    assert list(results) == list(range(2, 50))


def test_an_executor_is_found_by_the_name_it_bears() -> None:
    assert {name: executor.name for name, executor in EXECUTORS.items()} == {"serial": "serial", "threads": "threads"}
