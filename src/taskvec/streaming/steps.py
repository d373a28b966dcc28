"""Verbs as steps: written once, walked by a plan with what is not known yet, and by a run with what was found.

A verb is a generator that yields passes and is given what each came to; between them it only computes, and what it
returns is a value: whoever runs it publishes. Nothing in it asks whether it is planned, for a pass that was not run
comes to what is not known: NaN in the place of numbers, and the digest of nothing. A verb takes those as it takes
whatever a store does not know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from taskvec.errors import TaskvecError
from taskvec.streaming.job import Job
from taskvec.streaming.journal import Journal
from taskvec.streaming.plan import Plan, PlannedPass, RunOptions, make_plan

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Foreseen(Generic[T]):
    """What is known of work that nobody has done yet.

    Attributes:
        result: What it will come to, of the right shapes; what only doing it can tell is NaN.
        passes: What it reads and writes, in order.
        output_bytes: Bytes of the files that it makes, as many as are there at once; at most, where only doing it can
            tell.
        target: Where these will be, if there are any.
        unsure_bytes: Of these, those that will hardly be needed: no disk is refused for them.
    """

    result: T
    passes: tuple[PlannedPass, ...] = ()
    output_bytes: int = 0
    target: Path | None = None
    unsure_bytes: int = 0

    def before(self, plan: Plan) -> Plan:
        """Return the plan of what follows, with this first."""
        projected = max([plan.projected_bytes, *(planned.projected_bytes for planned in self.passes)])
        return replace(plan, passes=(*self.passes, *plan.passes), projected_bytes=projected)


class Pass(ABC, Generic[T]):
    """One step of a verb: what reads weights or writes files. ``found = yield from the_pass`` asks for its result."""

    @abstractmethod
    def foresee(self, options: RunOptions) -> Foreseen[T]:
        """Return what it costs and what it will come to, from headers alone; nothing is read or written."""

    @abstractmethod
    def run(self, options: RunOptions) -> T:
        """Do it."""

    def __iter__(self) -> Steps[T]:
        """Be a verb of one step."""
        found: T = yield self
        return found


Steps = Generator[Pass[Any], Any, T]
"""A verb: yields passes, is sent what they come to, returns its result."""

NotesOf = Callable[[Job], AbstractContextManager[Journal | None]]
"""Opens the notes that a pass takes of what it has finished."""


def no_notes(job: Job) -> AbstractContextManager[None]:  # noqa: ARG001
    """Take none."""
    return nullcontext()


def run_steps(steps: Steps[T], options: RunOptions) -> T:
    """Run every pass of a verb, in order.

    Args:
        steps: The verb.
        options: The limits and the listener.

    Returns:
        Its result.
    """
    return _walk(steps, lambda each: each.run(options))


def plan_steps(steps: Steps[Any], options: RunOptions) -> Plan:
    """Return what a verb will cost, without reading a weight.

    Args:
        steps: The verb.
        options: The limits.

    Returns:
        The plan.

    Raises:
        MemoryLimitError: If a pass does not fit.
        OutputError: If the disk has no room for the output.
    """
    seen = foresee_steps(steps, options)
    plan = make_plan(seen.passes, options, target=seen.target, output_bytes=seen.output_bytes - seen.unsure_bytes)
    return replace(plan, output_bytes=seen.output_bytes)


def foresee_steps(steps: Steps[T], options: RunOptions) -> Foreseen[T]:
    """Walk a verb with what each of its passes will come to.

    Args:
        steps: The verb.
        options: The limits.

    Returns:
        What all of it costs, and its result.
    """
    each: list[Foreseen[Any]] = []

    def answer(one: Pass[Any]) -> Any:
        each.append(one.foresee(options))
        return each[-1].result

    return _joined(_walk(steps, answer), each)


def _joined(result: T, each: Sequence[Foreseen[Any]]) -> Foreseen[T]:
    passes = tuple(planned for one in each for planned in one.passes)
    target = next((one.target for one in each if one.target is not None), None)
    output_bytes, unsure_bytes = sum(one.output_bytes for one in each), sum(one.unsure_bytes for one in each)
    return Foreseen(result, passes, output_bytes, target, unsure_bytes)


def in_turn(verbs: Iterable[Pass[T] | Steps[T]]) -> Steps[tuple[T, ...]]:
    """Do one verb after another.

    Args:
        verbs: The verbs, or passes.

    Returns:
        What each came to.
    """
    results: list[T] = []
    for verb in verbs:
        results.append((yield from verb))  # noqa: PERF401  # no comprehension can yield
    return tuple(results)


def _walk(steps: Steps[T], answer: Callable[[Pass[Any]], Any]) -> T:
    """Answer every pass that a verb yields; what goes wrong with one is raised where the verb asked for it."""
    go_on: Callable[[], Pass[Any]] = partial(next, steps)
    while True:
        try:
            asked = go_on()
        except StopIteration as over:
            result: T = over.value
            return result
        try:
            go_on = partial(steps.send, answer(asked))
        except TaskvecError as error:
            go_on = partial(steps.throw, error)
