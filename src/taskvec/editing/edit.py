"""From an expression to a checkpoint: over a store's vectors, over a basis, or over checkpoints without a store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint, StagedOutput, open_checkpoint
from taskvec.checkpoints.renaming import renamed
from taskvec.editing.beside_truth import measured_error, plan_measured_error
from taskvec.editing.scope.names import Preamble, Scope
from taskvec.editing.scope.storeless import PART_REMEDY, STORELESS
from taskvec.errors import ExpressionError
from taskvec.expressions import LinearForm
from taskvec.merging.fitting import fitted, limits_before, reading_limits
from taskvec.merging.merges import Merges
from taskvec.numerics import warm_up
from taskvec.streaming import Plan, PlannedPass, RunOptions
from taskvec.vectors.alignment import Rule
from taskvec.vectors.edited import Edited
from taskvec.vectors.forms import Source
from taskvec.vectors.output import EditResult, OutputOptions
from taskvec.vectors.task_vector import Ref, TaskVector

if TYPE_CHECKING:  # an edit starts without what only others need: stores, bases, merges
    from taskvec.bases.basis import Basis
    from taskvec.merging.combining import KnownProducts
    from taskvec.merging.merge import Merge
    from taskvec.store.store import Store

Addition = Literal["recovered", "atoms"]


@dataclass(frozen=True)
class _Target:
    """Where a result goes.

    Attributes:
        model: The model that is edited.
        output: How to write.
        options: The limits.
    """

    model: Source
    output: OutputOptions
    options: RunOptions


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
        products: The passes for inner products that are not known yet; only of what is a plan.
        truth: The same over the task vectors themselves, where the error over a basis is to be measured.
    """

    expression: str
    edited: Edited
    output: OutputOptions
    options: RunOptions
    certificate: Mapping[str, Any] | None = None
    merges: tuple[Merge, ...] = ()
    products: tuple[PlannedPass, ...] = ()
    truth: Editing | None = None

    @classmethod
    def of_store(
        cls,
        store: Store,
        expression: str,
        *,
        basis: str | None = None,
        addition: Addition = "recovered",
        measure: bool = False,
        output: OutputOptions | None = None,
        is_plan: bool = False,
        preamble: Preamble | None = None,
    ) -> Editing:
        """Understand an expression over a store.

        Args:
            store: The store.
            expression: Such as ``base + 0.4*(math + code)``.
            basis: Take the vectors from this basis; then only its atoms are read.
            addition: What the sum of all tasks of a basis is: of the recovered vectors, or of the atoms with weight 1,
                as the paper's code has it; with atoms, a merge of all tasks is one of the atoms.
            measure: Measure the error over a basis against the task vectors, which the store must still have.
            output: How to write.
            is_plan: Read no weights, not even for inner products that ``orthogonal`` needs and the store does not know
                yet; such an editing can be planned and not saved.
            preamble: What is said before the expression.

        Returns:
            The editing.

        Raises:
            ExpressionError: If an error is to be measured and there is no basis.
        """
        from taskvec.editing.scope.store_functions import Products, store_functions
        from taskvec.store.stored_products import StoredProducts

        said = preamble or Preamble()
        target = _Target(said.onto or store.base, output or OutputOptions(), store.options)
        if basis is not None:
            from taskvec.bases.basis import Basis

            loaded = Basis.load(store, basis)
            editing = cls._of_basis(loaded, expression, addition, target, said)
            return replace(editing, truth=cls._of_tasks(loaded, expression, target, said)) if measure else editing
        if measure:
            raise ExpressionError("measuring holds what a basis recovers against the task vectors: name it (--basis)")
        products = Products(store, is_plan=is_plan)
        scope = said.scope(store.names_and_parts, store.base.checkpoint.tensors, store_functions(store, products))
        form = scope.form(expression)
        used = {name: store[name] for name in scope.merges.names(_used(form))}
        sources = {name: store.documents.vector(name).source.fingerprint for name in used}
        known = StoredProducts(store)
        editing = cls._of(expression, form, scope.merges, used, store.base, target, sources, known)
        return replace(editing, products=products.passes)

    @classmethod
    def _of_basis(
        cls,
        basis: Basis,
        expression: str,
        addition: Addition,
        target: _Target,
        said: Preamble,
    ) -> Editing:
        from taskvec.editing.scope.over_basis import atoms_of_tasks, recovered_vectors
        from taskvec.linalg.certificate import known

        scope = _scope_of_basis(basis, said)
        form, merges = scope.form(expression), scope.merges
        names = merges.names(form.coefficients)
        found = (atoms_of_tasks if addition == "atoms" else recovered_vectors)(basis, form, merges)
        certificate = {
            "basis": basis.name,
            "addition": addition,
            "relative_error": known(found.relative_error),
            **({"unknown": found.unknown} if found.unknown else {}),
            "task_errors": {name: known(basis.certificate.task_errors[name]) for name in names},
        }
        atoms = {f"atom {m}": atom.fingerprint for m, atom in enumerate(basis.document.atoms)}
        editing = cls._of(expression, form, merges, found.vectors, basis.store.base, target, atoms)
        record = {**editing.output.record, "certificate": certificate}
        return replace(editing, output=replace(editing.output, record=record), certificate=certificate)

    @classmethod
    def _of_tasks(cls, basis: Basis, expression: str, target: _Target, said: Preamble) -> Editing:
        """Understand an expression over a basis as one over the task vectors that it was made from."""
        from taskvec.editing.scope.over_basis import task_vectors
        from taskvec.store.stored_products import StoredProducts

        store, scope = basis.store, _scope_of_basis(basis, said)
        form = scope.form(expression)
        used = task_vectors(basis, scope.merges.names(_used(form)))
        return cls._of(expression, form, scope.merges, used, store.base, target, {}, StoredProducts(store))

    @classmethod
    def of_checkpoints(
        cls,
        base: Ref,
        vectors: Mapping[str, Ref],
        expression: str,
        *,
        allow: Collection[Rule] = (),
        output: OutputOptions | None = None,
        options: RunOptions | None = None,
        tokenizer_source: str | None = None,
        renames: Sequence[str] = (),
    ) -> Editing:
        """Understand an expression over checkpoints, without a store.

        Args:
            base: The base model.
            vectors: Name → fine-tuned model.
            expression: Such as ``base + 0.4*(math + code)``.
            allow: Rules for tensors that do not match the base.
            output: How to write.
            options: The limits.
            tokenizer_source: Where vocabularies differ, whose tokens the result has: ``base``, ``union`` or a name; see
                :func:`taskvec.checkpoints.vocabulary.align_vocabularies`.
            renames: ``OLD=NEW`` for names that the base has otherwise, ``*`` for what stays.

        Returns:
            The editing.
        """
        opened = open_checkpoint(base)
        scope = Preamble().scope(vectors, opened.tensors, STORELESS, PART_REMEDY)
        used = scope.merges.names(_used(scope.form(expression)))
        models: Mapping[str, Checkpoint] = {name: renamed(open_checkpoint(vectors[name]), renames) for name in used}
        if tokenizer_source is not None:
            from taskvec.checkpoints.vocabulary import align_vocabularies

            aligned = align_vocabularies(opened, models, tokenizer_source)
            opened, models = aligned.base, aligned.models
            output = output or OutputOptions()
            output = replace(output, record={**output.record, "vocabulary": aligned.report.to_json()})
        made = {name: partial(TaskVector, opened, models.get(name, ref), allow=allow) for name, ref in vectors.items()}
        sources = {name: str(ref) for name, ref in vectors.items()}
        return cls.of_vectors(Source.of(opened), made, expression, sources=sources, output=output, options=options)

    @classmethod
    def of_vectors(
        cls,
        base: Source,
        vectors: Mapping[str, Callable[[], TaskVector]],
        expression: str,
        *,
        sources: Mapping[str, str] | None = None,
        output: OutputOptions | None = None,
        options: RunOptions | None = None,
        preamble: Preamble | None = None,
    ) -> Editing:
        """Understand an expression over task vectors.

        Args:
            base: Their base.
            vectors: Name → what opens a task vector; called for those that are used.
            expression: Such as ``base + 0.4*(math + code)``.
            sources: Name → what the record says of it.
            output: How to write.
            options: The limits.
            preamble: What is said before the expression.

        Returns:
            The editing.
        """
        said = preamble or Preamble()
        scope = said.scope(vectors, base.checkpoint.tensors, STORELESS, PART_REMEDY)
        form = scope.form(expression)
        used = {name: vectors[name]() for name in scope.merges.names(_used(form))}
        target = _Target(said.onto or base, output or OutputOptions(), options or RunOptions())
        known = {name: (sources or {}).get(name, name) for name in used}
        return cls._of(expression, form, scope.merges, used, base, target, known)

    @classmethod
    def _of(
        cls,
        expression: str,
        form: LinearForm,
        merges: Merges,
        vectors: Mapping[str, TaskVector],
        base: Source,
        target: _Target,
        sources: Mapping[str, str],
        known: KnownProducts | None = None,
    ) -> Editing:
        if form.base not in {0.0, 1.0}:
            raise ExpressionError(
                f"expression: base occurs {form.base:g} times; write it once for a checkpoint, or leave it out for a "
                "task vector"
            )
        made = merges.make(_used(form), vectors, base, target.options, known)
        there = {**vectors, **{merge.name: merge.vector for merge in made}}
        total = TaskVector.from_terms(base, {})
        for name in _used(form):
            total += form.coefficients[name] * there[name]
        edited = Edited(total, target.model if form.base else None)
        covered = {merge.name: target.output.public_rules(merge.rules) for merge in made if merge.rules}
        merged = {"rules_within": covered} if covered else {}
        record = {"expression": expression, "sources": dict(sources), **merged, **target.output.record}
        return cls(expression, edited, replace(target.output, record=record), target.options, merges=made)

    def plan(self, out: Ref) -> Plan:
        """Return what writing would cost, without reading a weight.

        Raises:
            MemoryLimitError: If a pass does not fit; the message says the least that would do for all of them.
        """
        return self._fitted(out)[1]

    def _fitted(self, out: Ref) -> tuple[RunOptions, Plan]:
        self.warm_up()
        return fitted(self._all_merges, self.options, partial(self._planned, out))

    def _planned(self, out: Ref, limits: RunOptions) -> Plan:
        each = limits_before(self._all_merges, limits)
        before = [*self.products, *(planned for merge, own in each for planned in merge.plan(own))]
        if self.truth is not None:
            before += plan_measured_error(self.edited.vector, self.truth.edited.vector, limits)
        plan = self.edited.plan(Path(out), self.output, limits)
        projected = max([plan.projected_bytes, *(planned.projected_bytes for planned in before)])
        return replace(plan, passes=(*before, *plan.passes), projected_bytes=projected)

    def warm_up(self) -> None:
        """Load the compiled code that all passes call before the first of them is planned."""
        for merge in self._all_merges:
            merge.warm_up()
        self.edited.warm_up()
        if self.truth is not None:
            warm_up("gram")
            self.truth.edited.warm_up()

    @property
    def limits(self) -> RunOptions:
        """The limits of a pass that reads all merges: fewer workers where they would hold most of what is free."""
        return reading_limits(self._all_merges, self.options)

    def prepare(self, limits: RunOptions) -> None:
        """Run the passes that come before merges can be read; once is enough.

        Args:
            limits: Those of :attr:`limits`, taken once, so that no pass is refused for what those before it left.
        """
        for merge, own in limits_before(self._all_merges, limits):
            merge.prepare(own)

    @property
    def _all_merges(self) -> tuple[Merge, ...]:
        return (*self.merges, *(self.truth.merges if self.truth is not None else ()))

    def save(self, out: Ref) -> EditResult:
        """Compute and write; see :meth:`taskvec.vectors.edited.Edited.save`.

        Args:
            out: The folder to make.

        Returns:
            What was written.

        Raises:
            ValueError: If this is a plan whose coefficients are not known yet.
        """
        if self.products:
            raise ValueError("this editing was made to be planned: make it anew without is_plan")
        merges = self._all_merges
        chosen = self._fitted(out)[0] if merges or self.truth is not None else self.options
        with notes_beside(out) if merges else nullcontext() as notes:
            limits = replace(chosen, notes=notes)
            self.prepare(limits)
            certificate = self._measured(limits)
            certified = {} if certificate is None else {"certificate": certificate}
            output = replace(self.output, record={**self.output.record, **certified})
            result = self.edited.save(out, output, limits)
        rules = [rule for merge in self.merges for rule in merge.rules]
        vocabulary = self.output.record.get("vocabulary")
        return replace(result, certificate=certificate, rules=(*result.rules, *rules), vocabulary=vocabulary)

    def _measured(self, limits: RunOptions) -> Mapping[str, Any] | None:
        """Return the certificate, with the error that was measured where that was asked for."""
        if self.truth is None:
            return self.certificate
        error = measured_error(self.edited.vector, self.truth.edited.vector, limits)
        return {**(self.certificate or {}), "measured_error": error if np.isfinite(error) else None}

    def tensors(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Compute without writing: every tensor that arithmetic applies to, one after another.

        Yields:
            Name and values of a tensor, float32 and shaped, rounded as :meth:`save` would.
        """
        self.warm_up()
        limits = self.limits
        self.prepare(limits)
        yield from self.edited.deltas(limits)


@contextmanager
def notes_beside(out: Ref) -> Generator[Path]:
    """Give the passes of merges a hidden folder beside an output for their notes; only an interruption leaves it."""
    target = Path(out).absolute()
    with StagedOutput(target.with_name(f".{target.name}.notes"), resume_key="notes") as staged:
        yield staged.directory


def _scope_of_basis(basis: Basis, said: Preamble) -> Scope:
    from taskvec.editing.scope.store_functions import basis_functions

    remedy = f"basis {basis.name!r} keeps parts of those alone that it was made with: leave --basis out"
    return said.scope(basis.tasks, basis.store.base.checkpoint.tensors, basis_functions(basis), remedy)


def _used(form: LinearForm) -> list[str]:
    return [name for name, coefficient in form.coefficients.items() if coefficient]
