"""A store: many task vectors of one base, as a folder of small documents beside the checkpoints they link to.

Layout: ``store.json`` (the base), ``vectors/NAME.json``, ``gram/`` (known inner products), ``bases/NAME.json``,
``decompositions/`` and ``objects/`` (what the store holds itself). Every document is published by one atomic rename and
none is shared, so readers never lock and two writers at once lose nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.renaming import renamed
from taskvec.display import Displayed
from taskvec.errors import CheckpointError, SourceChangedError, StoreError
from taskvec.expressions.leaves import PARTS, Named
from taskvec.store.adapter_intake import AdapterIntake, sorted_out
from taskvec.store.document import SourceDocument
from taskvec.store.documents import Documents
from taskvec.store.founding import founding
from taskvec.store.gram_cache import GramCache, covering_rows, in_turns
from taskvec.store.intake import Intake, Measured, split, total_gram
from taskvec.store.kind import Owner
from taskvec.store.kinds import KINDS
from taskvec.store.kinds.decompositions import decomposition_owner
from taskvec.store.kinds.vectors import VECTORS, RuleDocument, VectorDocument, vector_owner
from taskvec.store.linked import checking, describe_source, is_same_source, keep_copy, open_document, open_source
from taskvec.store.parts import low_rank_unique_part, shared_part, task_in, unique_part
from taskvec.store.pass_journal import NotedProducts, pass_journal
from taskvec.store.store_gram import StoreGram
from taskvec.streaming import Job, Journal, NotesOf, RunOptions, Steps, in_turn, no_notes, run_steps
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.forms import Dense, Form, LowRank, Source
from taskvec.vectors.inner_products import MissingProducts
from taskvec.vectors.saved_vectors import as_form, form_of, kind_of
from taskvec.vectors.task_vector import Ref, TaskVector

BASE_MODEL = Owner("the base", "make a new store for the base as it is now (taskvec store init)")

_BATCH = 8  # vectors that are added in one pass over the base


class Store(Displayed):
    """Many task vectors of one base, linked by default: adding a checkpoint copies no weights.

    Attributes:
        path: The folder.
        options: The limits of everything that the store runs.
        documents: What it knows of its vectors and bases.
    """

    def __init__(self, path: Ref, options: RunOptions | None = None) -> None:
        self.path = Path(path).expanduser().absolute()
        self.options = options or RunOptions()
        self.documents = Documents(self.path)
        self._document = self.documents.store()

    @classmethod
    def init(cls, path: Ref, base: Ref, options: RunOptions | None = None) -> Store:
        """Make a store for fine-tunes of one base; reads the base once, to know it again.

        Args:
            path: The folder to make.
            base: The base model.
            options: The limits.

        Returns:
            The empty store.
        """
        options = options or RunOptions()
        return cls(run_steps(founding(path, base, options), options), options)

    def __repr__(self) -> str:
        return f"<Store {self.path}: {len(self)} task vectors of {self._document.base.ref}>"

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> TaskVector:
        document = self.documents.vector(name)
        if document.form == "unique":  # two forms, so that the base is read once where both are used
            whole = name.removesuffix(".unique")
            return self[whole] - self[f"{whole}.shared"]
        return TaskVector.from_terms(self.base, {self.form(document): 1.0}, _rules(document))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all vectors, sorted."""
        return self.documents.vector_names()

    @property
    def names_and_parts(self) -> tuple[str, ...]:
        """The names of all vectors, and ``NAME.shared`` and ``NAME.unique`` of those that were decomposed."""
        return (*self.names, *self.documents.part_names())

    @cached_property
    def base(self) -> Source:
        """The base model, certain to be what the store was made for."""
        return open_source(self._document.base, self.path, BASE_MODEL, self.options)

    def add(
        self,
        refs: Mapping[str, Ref],
        *,
        copy: bool = False,
        allow: Collection[Rule] = (),
        renames: Sequence[str] = (),
    ) -> list[VectorDocument]:
        """Add fine-tuned models (or stored task vectors) under names; each is read once, the base once per eight.

        Args:
            refs: Name → reference.
            copy: Keep a copy of the weights in the store instead of a link.
            allow: Rules for tensors that do not match the base.
            renames: ``OLD=NEW`` for names that the base has otherwise, ``*`` for what stays.

        Returns:
            What is now known of each.

        Raises:
            StoreError: If a name is taken or is no name.
        """
        with ExitStack() as notes:  # nothing is published before everything was read and found right

            def kept(job: Job) -> AbstractContextManager[Journal]:
                return nullcontext(notes.enter_context(pass_journal(self.path, job)))

            steps = self.adding(refs, allow=allow, renames=renames, notes=kept)
            documents, measured = run_steps(steps, self.options)
            for intake, result in measured:
                documents |= self._record(intake, result, copy=copy)
        return [documents[name] for name in refs]

    def adding(
        self,
        refs: Mapping[str, Ref],
        *,
        allow: Collection[Rule] = (),
        renames: Sequence[str] = (),
        notes: NotesOf = no_notes,
    ) -> Steps[tuple[dict[str, VectorDocument], list[tuple[Intake | AdapterIntake, Measured]]]]:
        """Measure what is not in the store yet: the steps of :meth:`add`, which records what they return.

        Args:
            refs: Name → reference.
            allow: Rules for tensors that do not match the base.
            renames: As for :meth:`add`.
            notes: Where passes note what they have finished, until it is recorded.

        Returns:
            What an interrupted run has added already; what enters now, and what was learned of it.
        """
        there = self._already_added(refs)
        new = {name: ref for name, ref in refs.items() if name not in there}
        intakes, base = self._intakes(new, allow, renames), self._document.base
        measured = yield from in_turn(intake.measuring(base.digests, notes) for intake in intakes)
        return there, list(zip(intakes, measured, strict=True))

    def remove(self, name: str) -> tuple[str, ...]:
        """Forget a vector; a linked checkpoint is not touched, and bases that hold the vector stay readable.

        Args:
            name: The vector.

        Returns:
            The names of these bases.
        """
        bases = self.documents.holders_of(self.documents.vector(name).source.fingerprint)
        self.documents.of(VECTORS).remove(name)
        return bases

    def gram(self, names: Sequence[str] | None = None) -> StoreGram:
        """Return the inner products of some vectors, computing in one pass those that are not known yet.

        Args:
            names: The T names; all vectors of the store if not given.

        Returns:
            The inner products per tensor.
        """
        return run_steps(self.gramming(names), self.options)

    def gramming(self, names: Sequence[str] | None = None) -> Steps[StoreGram]:
        """Take the inner products that are not known yet, one pass for those of factors and one for all others.

        Args:
            names: The T names; all vectors of the store if not given.

        Returns:
            The inner products per tensor.
        """
        chosen = tuple(self.names if names is None else names)
        keys, gram = self._known(chosen)
        missing = np.asarray(np.isnan(gram).any(axis=0))
        for turn in self._turns(keys, missing):
            products = self._missing(list(keys.values()), turn)
            columns = [form.identity for form in products.forms]
            rows = columns[: products.num_rows]
            notes, keep = partial(pass_journal, self.path), partial(self._keep_products, rows, columns)
            yield from NotedProducts(products, notes, keep)
        if missing.any():
            keys, gram = self._known(chosen)
        return self._in_order(chosen, list(keys), gram)

    def known_gram(self, names: Sequence[str]) -> StoreGram:
        """Return the inner products of some vectors as far as they are known; no weight is read.

        Args:
            names: The T names.

        Returns:
            The inner products per tensor, NaN where one is not known.
        """
        keys, gram = self._known(names)
        return self._in_order(names, list(keys), gram)

    def verify(self) -> list[str]:
        """Hash the base, every vector and every atom again, and read every document.

        Returns:
            A line for each problem; empty if all is as it was added.
        """
        return run_steps(self.verifying(), self.options)

    def verifying(self) -> Steps[list[str]]:
        """Take the steps of :meth:`verify`."""
        problems: list[str] = []
        for owner, document in self._sources(problems).items():
            try:
                with open_document(document, self.path) as checkpoint:
                    yield from checking(checkpoint, document.digests, owner, document.ref)
            except SourceChangedError as error:
                problems.append(str(error))
            except CheckpointError as error:
                problems.append(f"{owner.name}: {error}; restore the files, or {owner.remedy}")
        return problems

    def _sources(self, problems: list[str]) -> dict[Owner, SourceDocument]:
        """Return every source by what it is of; documents that cannot be read are noted as problems."""
        sources = {BASE_MODEL: self._document.base}
        for shelf in map(self.documents.of, KINDS):
            for name in shelf.names():
                with _noted(problems):
                    sources |= dict(shelf.sources(name))
        with _noted(problems):
            GramCache(self.path / "gram").check()
        return sources

    def _already_added(self, refs: Mapping[str, Ref]) -> dict[str, VectorDocument]:
        """Return what an interrupted run of the same command has added; any other taken name is an error."""
        there = {}
        for name, ref in refs.items():
            document = self.documents.vector(name) if name in self else None
            if document is not None and is_same_source(document.source, ref, self.path):
                there[name] = document
            else:
                self.documents.of(VECTORS).check_new(name)
        return there

    def _intakes(
        self, refs: Mapping[str, Ref], allow: Collection[Rule], renames: Sequence[str]
    ) -> list[Intake | AdapterIntake]:
        opened = {name: renamed(open_checkpoint(ref), renames) for name, ref in refs.items()}
        forms = {name: form_of(checkpoint, self.base, self.options) for name, checkpoint in opened.items()}
        models, adapters = sorted_out(forms)
        return [
            *(Intake.of(self.base, {name: forms[name] for name in batch}, allow) for batch in split(models, _BATCH)),
            *(
                AdapterIntake.of(self.base, {name: opened[name] for name in batch}, forms)
                for batch in [adapters]
                if batch
            ),
        ]

    def _record(self, intake: Intake | AdapterIntake, result: Measured, *, copy: bool) -> dict[str, VectorDocument]:
        norms = np.sqrt(np.diag(total_gram(result.gram, len(intake.forms))))
        documents = []
        for name, form, checkpoint, digests, uses, norm in zip(
            intake.names, intake.forms, intake.origins, result.digests, result.uses, norms, strict=True
        ):
            source = describe_source(checkpoint, digests, checkpoint.ref, self.path)
            rules = tuple(RuleDocument(rule=u.rule, source=u.source, tensors=u.tensors) for u in uses)
            kept = keep_copy(checkpoint, source, self.path) if copy else source
            documents.append(VectorDocument(name=name, form=kind_of(form), source=kept, norm=float(norm), rules=rules))
        keys = [document.identity for document in documents]
        self._keep_products(keys, keys, result.gram)
        for document in documents:
            self.documents.of(VECTORS).publish(document)
        return {document.name: document for document in documents}

    def _combinable_names(self) -> tuple[str, ...]:
        return tuple(i.name for i in self.base.checkpoint.tensors.values() if i.dtype.is_combinable)

    def form(self, document: VectorDocument) -> Form:
        """Open the source of a vector or of a part of one, certain to hold what was added."""
        if document.form in PARTS:
            return self._part(document)
        source = open_source(document.source, self.path, vector_owner(document.name), self.options)
        return as_form(document.form, source, self.base)

    def _part(self, document: VectorDocument) -> Dense | LowRank:
        name = Named.of(document.name).name
        vector = self.documents.vector(name)
        decomposition = self.documents.decomposition_of(vector)
        if decomposition is None:
            raise StoreError(f"task vector {name!r} was removed or decomposed anew meanwhile: try again")
        factors = None
        if decomposition.factors:
            owner = decomposition_owner(f"the decomposition of {name!r}")
            factors = open_source(decomposition.factors, self.path, owner, self.options).checkpoint
        tensors = self.base.checkpoint.tensors
        shared = shared_part(document, task_in(decomposition, vector), decomposition, tensors, factors)
        if document.form == "shared":
            return shared
        whole = self.form(vector)
        if isinstance(whole, LowRank):
            return low_rank_unique_part(document, whole, shared)
        aligned = align(self.base.checkpoint, [whole], _rules(vector)).combinable
        return unique_part(document, aligned, shared, is_centered=whole.is_centered)

    def _known(self, names: Sequence[str]) -> tuple[dict[str, VectorDocument], NDArray[np.float64]]:
        keys = {document.identity: document for document in map(self.documents.vector, names)}
        return keys, GramCache(self.path / "gram").load(list(keys), len(self._combinable_names()))

    def _in_order(self, names: Sequence[str], keys: Sequence[str], gram: NDArray[np.float64]) -> StoreGram:
        order = [keys.index(self.documents.vector(name).identity) for name in names]
        return StoreGram(tuple(names), self._combinable_names(), gram[:, order][:, :, order])

    def _missing(self, documents: Sequence[VectorDocument], missing: NDArray[np.bool_]) -> MissingProducts:
        rows = covering_rows(missing)
        others = [i for i in range(len(documents)) if i not in rows and missing[rows, i].any()]
        chosen = [documents[i] for i in (*rows, *others)]
        forms = tuple(self.form(document) for document in chosen)
        allow = frozenset[Rule]().union(*(_rules(document) for document in chosen))
        tensors = align(self.base.checkpoint, forms, allow).combinable
        return MissingProducts(tensors, forms, len(rows))

    @staticmethod
    def _turns(keys: Mapping[str, VectorDocument], missing: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        return in_turns(missing, np.array([document.is_low_rank for document in keys.values()], np.bool_))

    def _keep_products(
        self, rows: Sequence[str], columns: Sequence[str], products: Mapping[str, NDArray[np.float64]]
    ) -> None:
        names = self._combinable_names()
        per_tensor = np.array([products[name] for name in names]).reshape(len(names), len(rows), len(columns))
        GramCache(self.path / "gram").add(rows, columns, per_tensor)


@contextmanager
def _noted(problems: list[str]) -> Generator[None]:
    try:
        yield
    except StoreError as error:
        problems.append(str(error))


def _rules(document: VectorDocument) -> frozenset[Rule]:
    return frozenset(Rule(rule.rule) for rule in document.rules)
