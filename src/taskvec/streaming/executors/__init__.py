"""Where units run: an executor is a name and one method, ``run``, that yields results in the order of its items."""

from taskvec.errors import TaskvecError
from taskvec.registry import Registry
from taskvec.streaming.executors.executor import Executor
from taskvec.streaming.executors.processes import ProcessExecutor
from taskvec.streaming.executors.serial import SerialExecutor
from taskvec.streaming.executors.threads import ThreadExecutor

EXECUTORS: Registry[Executor] = Registry(
    "executor",
    TaskvecError,
    {executor.name: executor for executor in (SerialExecutor(), ThreadExecutor(), ProcessExecutor())},
)

__all__ = ["EXECUTORS", "Executor"]
