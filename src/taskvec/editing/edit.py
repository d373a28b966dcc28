"""From an expression to a checkpoint: over a store's vectors, over a basis, or over checkpoints without a store."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import StagedOutput
from taskvec.editing.scope.ground import Ground, Inputs
from taskvec.editing.scope.names import Preamble
from taskvec.errors import ExpressionError
from taskvec.expressions import Leaf
from taskvec.expressions.leaves import merges_in
from taskvec.linalg.certificate import relative_size
from taskvec.numerics import load
from taskvec.streaming import Plan, RunOptions, Steps, in_turn, run_steps
from taskvec.streaming.memory import one_run, resident_bytes
from taskvec.streaming.plan import plan_all
from taskvec.streaming.steps import foresee_steps
from taskvec.vectors.edited import Edited
from taskvec.vectors.output import EditResult, OutputOptions
from taskvec.vectors.task_vector import Ref, TaskVector, combined, gram_matrix, products_among

if TYPE_CHECKING:  # an edit starts without what only others need: merges
    from taskvec.merging.merge import Merge

Documents = Callable[[], Mapping[str, str]]
"""Makes what is written beside the weights: name → text."""


@dataclass(frozen=True)
class Editing:
    """An expression that was understood, and what it takes to write its result.

    Attributes:
        expression: The text.
        edited: The result, not yet computed.
        output: How it will be written.
        options: The limits.
        certificate: The errors, where the vectors come from a basis.
        merges: The merges within the expression, inner ones first, not yet computed.
        is_known: Whether all of its coefficients are; one that is not can be planned alone.
        truth: The same over the task vectors themselves, where the error over a basis is to be measured.
    """

    expression: str
    edited: Edited
    output: OutputOptions
    options: RunOptions
    certificate: Mapping[str, Any] | None = None
    merges: tuple[Merge, ...] = ()
    is_known: bool = True
    truth: Editing | None = None

    @classmethod
    def of(
        cls, ground: Ground, expression: str, *, preamble: Preamble | None = None, output: OutputOptions | None = None
    ) -> Editing:
        """Understand an expression; inner products that its functions ask for are taken where nobody knows them yet.

        Args:
            ground: What it is over.
            expression: Such as ``base + 0.4*(math + code)``; without ``base`` the result is a task vector.
            preamble: What is said before it.
            output: How to write.

        Returns:
            The editing.

        Raises:
            ExpressionError: If it cannot be understood, or holds the base several times.
        """
        steps = cls.understanding(ground, expression, preamble=preamble, output=output)
        return run_steps(steps, ground.options)

    @classmethod
    def understanding(
        cls, ground: Ground, expression: str, *, preamble: Preamble | None = None, output: OutputOptions | None = None
    ) -> Steps[Editing]:
        """Take the steps of :meth:`of`."""
        said, how = preamble or Preamble(), output or OutputOptions()
        inputs = ground.inputs(said.scope(ground).form(expression))
        if inputs.missing:
            yield from in_turn(take() for take in inputs.missing)
            inputs = ground.inputs(said.scope(ground).form(expression))
        return cls._of(ground, expression, inputs, said, how)

    @classmethod
    def _of(cls, ground: Ground, expression: str, inputs: Inputs, said: Preamble, how: OutputOptions) -> Editing:
        """Put together what was understood.

        Raises:
            ExpressionError: If it holds the base several times.
        """
        form, base = inputs.form, ground.base
        if form.base not in {0.0, 1.0}:
            raise ExpressionError(
                f"expression: base occurs {form.base:g} times; write it once for a checkpoint, or leave it out for a "
                "task vector"
            )
        merges = _merges(ground, inputs)
        there = {**inputs.vectors, **{leaf: merge.vector for leaf, merge in merges.items()}}
        total = combined(base, [(there[leaf], form.coefficients[leaf]) for leaf in form.used])
        covered = {merge.name: how.public_rules(merge.rules) for merge in merges.values() if merge.rules}
        record = {
            "expression": expression,
            "sources": dict(inputs.source_names),
            **({"rules_within": covered} if covered else {}),
            **how.record,
            **({"certificate": inputs.certificate} if inputs.certificate else {}),
        }
        return cls(
            expression,
            Edited(total, (said.onto or base) if form.base else None),
            replace(how, record=record),
            ground.options,
            inputs.certificate,
            tuple(merges.values()),
            not inputs.missing,
        )

    def with_truth(self, truth: Editing) -> Editing:
        """Return the same, with its error to be measured.

        A certificate knows the error of every sum from T × T numbers; of a merge that trims or elects it knows nothing.
        While the task vectors are in the store, both results can be computed as they are read, side by side (ours): one
        pass over the base, the atoms and the vectors that the expression names, after the passes that merges need.

        Args:
            truth: The same expression over the task vectors themselves.

        Returns:
            The editing.
        """
        return replace(self, truth=truth)

    def plan(self, out: Ref) -> Plan:
        """Return what writing would cost, without reading a weight.

        Raises:
            MemoryLimitError: If a pass does not fit; the message says the least that would do for all of them.
        """
        load(self.calls)
        with one_run():
            return plan_all(partial(self._planned, out), self.options)

    def _planned(self, out: Ref, limits: RunOptions) -> Plan:
        before = [planned for merge in self._all_merges for planned in merge.plan(limits)]
        beside = self._beside_truth
        before += products_among(beside).foresee(limits).passes if beside else ()
        plan = self.edited.plan(Path(out), self.output, limits)
        projected = max([plan.projected_bytes, *(planned.projected_bytes for planned in before)])
        return replace(plan, passes=(*before, *plan.passes), projected_bytes=projected)

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that all passes call; they are loaded before the first pass is planned."""
        own = (*self.edited.calls, *(name for merge in self._all_merges for name in merge.calls))
        return own if self.truth is None else (*own, "gram", *self.truth.edited.calls)

    def prepare(self, limits: RunOptions) -> None:
        """Run the passes that come before merges can be read; once is enough."""
        for merge in self._all_merges:
            merge.prepare(limits)

    @property
    def _all_merges(self) -> tuple[Merge, ...]:
        return (*self.merges, *(self.truth.merges if self.truth is not None else ()))

    def save(self, out: Ref, documents: Documents | None = None) -> EditResult:
        """Compute and write; see :meth:`taskvec.vectors.edited.Edited.save`.

        Args:
            out: The folder to make.
            documents: Makes what lies beside the weights, once it is known that all passes fit.

        Returns:
            What was written.

        Raises:
            ValueError: If this is a plan whose coefficients are not known yet.
        """
        if not self.is_known:
            raise ValueError("the coefficients of this editing are not known yet: it can only be planned")
        load(self.calls)
        with one_run():
            plan = plan_all(partial(self._planned, out), self.options)
            texts = self.output.documents if documents is None else documents()
            with notes_beside(out) if self._all_merges else nullcontext() as notes:
                limits = replace(self.options, notes=notes)
                self.prepare(limits)
                certificate = self._measured(limits)
                certified = {} if certificate is None else {"certificate": certificate}
                output = replace(self.output, record={**self.output.record, **certified}, documents=texts)
                result = self.edited.save(out, output, limits, planned=plan.passes[-1])
        rules = [rule for merge in self.merges for rule in merge.rules]
        vocabulary = self.output.record.get("vocabulary")
        return replace(result, certificate=certificate, rules=(*result.rules, *rules), vocabulary=vocabulary)

    def _measured(self, limits: RunOptions) -> Mapping[str, Any] | None:
        """Return the certificate, with ‖found − truth‖ / ‖truth‖ measured where that was asked for.

        It is 0 where both vanish, and unknown where only the truth does; below about 1e-7 it is rounding.
        """
        if self.truth is None:
            return self.certificate
        beside = self._beside_truth
        squares = np.diag(gram_matrix(beside, limits)).tolist() if beside else [0.0, 0.0]
        error = relative_size(*squares)
        return {**(self.certificate or {}), "measured_error": error if np.isfinite(error) else None}

    @property
    def _beside_truth(self) -> tuple[TaskVector, ...]:
        """The error and the truth, whose norms are to be measured; none where both vanish."""
        if self.truth is None:
            return ()
        found, truth = self.edited.vector, self.truth.edited.vector
        return (found - truth, truth) if found.terms or truth.terms else ()

    def tensors(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Compute without writing: every tensor that arithmetic applies to, one after another.

        Yields:
            Name and values of a tensor, float32 and shaped, rounded as :meth:`save` would.
        """
        load(self.calls)
        begun = resident_bytes()
        with one_run(begun):
            self.prepare(self.options)
        deltas = self.edited.deltas(self.options)
        while True:
            with one_run(begun):  # not while whoever asks does something else
                found = next(deltas, None)
            if found is None:
                return
            yield found


def plan_editing(understanding: Steps[Editing], out: Ref, options: RunOptions) -> Plan:
    """Return what it costs to understand an expression, and to write what it makes; reads no weight.

    Args:
        understanding: From :meth:`Editing.understanding`.
        out: The folder to make.
        options: The limits.

    Returns:
        The plan.
    """
    seen = foresee_steps(understanding, options)
    return seen.before(seen.result.plan(out))


def _merges(ground: Ground, inputs: Inputs) -> Mapping[Leaf, Merge]:
    """Make the merges within an expression, inner ones first; nothing is read yet."""
    if not merges_in(inputs.form.used):
        return {}
    from taskvec.merging.calls import make_merges

    return make_merges(inputs.form.used, inputs.vectors, ground.base, ground.options, ground.products)


@contextmanager
def notes_beside(out: Ref) -> Generator[Path]:
    """Give the passes of merges a hidden folder beside an output for their notes; only an interruption leaves it."""
    target = Path(out).absolute()
    with StagedOutput(target.with_name(f".{target.name}.notes"), resume_key="notes") as staged:
        yield staged.directory
