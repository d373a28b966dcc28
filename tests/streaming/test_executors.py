from __future__ import annotations

import pytest

from taskvec.streaming.executors import EXECUTORS, Executor
from taskvec.testing.executor_contract import ExecutorContract


class TestEveryExecutor(ExecutorContract):
    @pytest.fixture(params=EXECUTORS)
    def executor(self, request: pytest.FixtureRequest) -> Executor:
        return EXECUTORS[request.param]


def test_an_executor_is_found_by_the_name_it_bears() -> None:
    assert {name: executor.name for name, executor in EXECUTORS.items()} == {"serial": "serial", "threads": "threads"}
