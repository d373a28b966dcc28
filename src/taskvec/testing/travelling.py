"""An executor that proves jobs to be values: every unit is done here, and again by a copy that was pickled."""

from __future__ import annotations

import pickle  # noqa: S403  # of our own process
from collections.abc import Callable, Generator, Iterable
from typing import Any, ClassVar

import numpy as np

from taskvec.streaming.executors.executor import Executor, Item, Outcome


class TravellingExecutor(Executor):
    """Does everything twice in the calling thread: as it is, and as ``loads(dumps(…))`` gives it back.

    Attributes:
        tasks: The tasks that came back and did the same.
    """

    name: ClassVar[str] = "travelling"

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Generator[Outcome]:  # noqa: ARG002
        """Yield ``task(item)`` for every item, in order.

        Raises:
            AssertionError: If the copy gives other bits.
        """
        sent = pickle.dumps(task)
        for item in items:
            outcome = task(item)
            there = pickle.loads(pickle.dumps(item))  # noqa: S301
            if _bits(pickle.loads(sent)(there)) != _bits(outcome):  # noqa: S301
                raise AssertionError(f"{task} gives other bits for {item} once it was sent")
            yield outcome
        self.tasks.append(task)


def _bits(outcome: Any) -> Any:
    """Return nested lists of arrays as what can be compared."""
    if isinstance(outcome, np.ndarray):
        return outcome.dtype.str, outcome.shape, outcome.tobytes()
    return [_bits(part) for part in outcome]
