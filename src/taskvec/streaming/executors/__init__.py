"""Where units run: an executor is a name and one method, ``run``, that yields results in the order of its items."""

from taskvec.streaming.executors.executor import Executor
from taskvec.streaming.executors.processes import ProcessExecutor
from taskvec.streaming.executors.serial import SerialExecutor
from taskvec.streaming.executors.threads import ThreadExecutor

EXECUTORS: dict[str, Executor] = {
    executor.name: executor for executor in (SerialExecutor(), ThreadExecutor(), ProcessExecutor())
}
"""Name → executor."""

__all__ = ["EXECUTORS", "Executor"]
