from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskvec.errors import TaskvecError
from taskvec.numerics.one_thread import warm_up_linear_algebra
from taskvec.streaming import RunOptions
from taskvec.streaming.executors import EXECUTORS, Executor
from taskvec.streaming.executors.processes import ProcessExecutor
from taskvec.streaming.memory import resident_bytes
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
    assert {name: executor.name for name, executor in EXECUTORS.items()} == {
        name: name for name in ("serial", "threads", "processes")
    }


def test_an_unknown_executor_is_refused_and_a_device_that_each_process_would_hold() -> None:
    with pytest.raises(TaskvecError, match="unknown executor 'cluster': use serial, threads, processes"):
        RunOptions(executor="cluster")
    with pytest.raises(TaskvecError, match=r"processes compute on cpu alone, .* cuda .*: use --executor threads"):
        RunOptions(executor="processes", device="cuda")


@pytest.fixture
def processes() -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor()
    yield executor
    executor.close()


def which(item: int) -> int:
    return os.getpid()


def end(item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_is_done_elsewhere_and_processes_stay_for_the_next_pass(processes: ProcessExecutor) -> None:
    first, second = (set(processes.run(which, range(8), 1)) for _ in range(2))
    assert first == second
    assert os.getpid() not in first


def test_a_worker_that_is_killed_is_said_and_the_next_pass_has_new_ones(processes: ProcessExecutor) -> None:
    with pytest.raises(TaskvecError, match=r"a worker process was killed.*fewer workers \(-j\)"):
        list(processes.run(end, range(2), 1))
    assert len(set(processes.run(which, range(2), 1))) == 1


def test_what_cannot_be_sent_is_refused_in_one_line(processes: ProcessExecutor) -> None:
    with pytest.raises(TaskvecError, match=r"cannot be sent to other processes .*: use --executor threads"):
        list(processes.run(lambda item: item, range(2), 1))


def resident(item: int) -> int:
    """What a process holds that has loaded all there is to load."""
    import taskvec.adapters.extraction
    import taskvec.bases.compress
    import taskvec.components.decompose
    import taskvec.merging.merge
    from taskvec.numerics.loading import _LOADERS, load

    assert all((taskvec.adapters, taskvec.bases, taskvec.components, taskvec.merging))
    load(_LOADERS)
    warm_up_linear_algebra()
    return resident_bytes()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_what_a_process_holds_is_planned(processes: ProcessExecutor) -> None:
    list(processes.run(resident, [0], 1))  # where a kernel was never compiled, that takes memory too
    processes.close()
    (held,) = processes.run(resident, [0], 1)
    assert held <= processes.worker_bytes <= 2 * held
