"""A store: many task vectors of one base, as a folder of small documents beside the checkpoints they link to.

Layout: ``store.json`` (the base), ``vectors/NAME.json``, ``gram/`` (known inner products), ``bases/NAME.json`` and
``objects/`` (what the store holds itself). Every document is published by one atomic rename and none is shared, so
readers never lock and two writers at once lose nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import StagedOutput, create_json_exclusive, open_checkpoint
from taskvec.errors import CheckpointError, SourceChangedError, StoreError
from taskvec.streaming import Plan, RunOptions, make_plan, plan_pass
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.fingerprints import digest_checkpoint, symmetric
from taskvec.vectors.forms import Dense, Difference, Form, Source
from taskvec.vectors.gram_cache import GramCache, covering_rows
from taskvec.vectors.inner_products import gram_rows
from taskvec.vectors.intake import Intake, split, total_gram
from taskvec.vectors.linked import check_content, describe_source, file_states, keep_copy, open_source
from taskvec.vectors.manifests import RuleDocument, StoreDocument, VectorDocument, document_data, load_document
from taskvec.vectors.task_vector import Ref, TaskVector

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BATCH = 8  # vectors that are added in one pass over the base


@dataclass(frozen=True)
class StoreGram:
    """Inner products of named vectors, kept per tensor.

    Attributes:
        names: The T names.
        tensors: The N combinable tensors of the base.
        per_tensor: Float64 ``(N, T, T)``.
    """

    names: tuple[str, ...]
    tensors: tuple[str, ...]
    per_tensor: NDArray[np.float64]

    @cached_property
    def total(self) -> NDArray[np.float64]:
        """VᵀV over all tensors, float64 ``(T, T)``, summed in the base's order."""
        total = np.zeros(self.per_tensor.shape[1:])
        for gram in self.per_tensor:
            total += gram
        return total


class Store:
    """Many task vectors of one base, linked by default: adding a checkpoint copies no weights.

    Attributes:
        path: The folder.
        options: The limits of everything that the store runs.
    """

    def __init__(self, path: Ref, options: RunOptions | None = None) -> None:
        self.path = Path(path).expanduser().absolute()
        self.options = options or RunOptions()
        if not (self.path / "store.json").is_file():
            raise StoreError(f"{path} is no store: make one with taskvec store init {path} --base MODEL")
        self._document = load_document(StoreDocument, self.path / "store.json")

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
        target = Path(path).expanduser().absolute()
        with open_checkpoint(base) as checkpoint, StagedOutput(target) as staged:
            digests = digest_checkpoint(checkpoint, options, f"hash the base {checkpoint.ref}")
            document = StoreDocument(base=describe_source(checkpoint, digests, checkpoint.ref, target))
            for folder in ("vectors", "gram", "bases", "objects"):
                (staged.directory / folder).mkdir()
            create_json_exclusive(staged.directory / "store.json", document_data(document))
            staged.publish()
        return cls(target, options)

    def __repr__(self) -> str:
        return f"<Store {self.path}: {len(self)} task vectors of {self._document.base.ref}>"

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> TaskVector:
        document = self.document(name)
        return TaskVector.from_terms(self.base, {self._form(document): 1.0}, _rules(document))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all vectors, sorted."""
        return tuple(sorted(path.stem for path in (self.path / "vectors").glob("*.json")))

    @property
    def base_document(self) -> StoreDocument:
        """What the store knows of its base."""
        return self._document

    @cached_property
    def base(self) -> Source:
        """The base model, certain to be what the store was made for."""
        return open_source(self._document.base, self.path, "the base", self.options)

    def document(self, name: str) -> VectorDocument:
        """Return what the store knows of one vector.

        Raises:
            StoreError: If there is no such vector.
        """
        path = self.path / "vectors" / f"{name}.json"
        if not _NAME.fullmatch(name) or not path.is_file():
            raise StoreError(f"there is no task vector {name!r} in {self.path} (it has: {', '.join(self.names) or 'none'})")
        return load_document(VectorDocument, path)

    def add(self, refs: Mapping[str, Ref], *, copy: bool = False, allow: Collection[Rule] = ()) -> list[VectorDocument]:
        """Add fine-tuned models (or stored task vectors) under names; each is read once, the base once per eight.

        Args:
            refs: Name → reference.
            copy: Keep a copy of the weights in the store instead of a link.
            allow: Rules for tensors that do not match the base.

        Returns:
            What is now known of each.

        Raises:
            StoreError: If a name is taken or is no name.
        """
        self._check_names(refs)
        added: list[VectorDocument] = []
        for batch in split(refs, _BATCH):
            added += self._take_in(Intake.of(self.base, batch, allow), copy=copy)
        return added

    def plan_add(self, refs: Mapping[str, Ref], allow: Collection[Rule] = ()) -> Plan:
        """Return what adding would cost, without reading a weight.

        Args:
            refs: Name → reference.
            allow: Rules for tensors that do not match the base.

        Returns:
            The plan.
        """
        self._check_names(refs)
        jobs = [Intake.of(self.base, batch, allow).job(self.options) for batch in split(refs, _BATCH)]
        return make_plan([plan_pass(job.label, job.tensors, job.kernel, self.options) for job in jobs], self.options)

    def remove(self, name: str) -> None:
        """Forget a vector; a linked checkpoint is not touched.

        Raises:
            StoreError: If there is no such vector.
        """
        self.document(name)
        (self.path / "vectors" / f"{name}.json").unlink()

    def gram(self, names: Sequence[str] | None = None) -> StoreGram:
        """Return the inner products of some vectors, computing in one pass those that are not known yet.

        Args:
            names: The T names; all vectors of the store if not given.

        Returns:
            The inner products per tensor.
        """
        chosen = tuple(self.names if names is None else names)
        documents = {name: self.document(name) for name in chosen}
        keys = {document.source.fingerprint: document for document in documents.values()}
        tensors = self._combinable_names()
        cache = GramCache(self.path / "gram")
        gram = cache.load(list(keys), len(tensors))
        missing = np.isnan(gram).any(axis=0)
        if missing.any():
            self._complete(list(keys.values()), missing, cache)
            gram = cache.load(list(keys), len(tensors))
        order = [list(keys).index(documents[name].source.fingerprint) for name in chosen]
        return StoreGram(chosen, tensors, gram[:, order][:, :, order])

    def verify(self) -> list[str]:
        """Hash the base and every vector again.

        Returns:
            A line for each problem; empty if all is as it was added.
        """
        problems = []
        sources = {"the base": self._document.base}
        sources |= {f"task vector {name!r}": self.document(name).source for name in self.names}
        for owner, document in sources.items():
            try:
                with open_checkpoint(self.path / document.path) as checkpoint:
                    check_content(checkpoint, document.digests, owner, document.ref, self.options)
            except (CheckpointError, SourceChangedError) as error:
                problems.append(str(error) if owner in str(error) else f"{owner}: {error}")
        return problems

    def _check_names(self, refs: Mapping[str, Ref]) -> None:
        for name in refs:
            if not _NAME.fullmatch(name) or name == "base":
                raise StoreError(f"{name!r} is no name for a task vector: use letters, digits and _, and not 'base'")
            if name in self:
                raise StoreError(f"task vector {name!r} exists already in {self.path}: remove it first or choose another name")

    def _take_in(self, intake: Intake, *, copy: bool) -> list[VectorDocument]:
        before = [file_states(form.source.checkpoint, self.path) for form in intake.forms]
        result = intake.scan(self._document.base.digests, self.options)
        norms = np.sqrt(np.diag(total_gram(result.gram, len(intake.forms))))
        documents = []
        for name, form, digests, norm, states in zip(
            intake.names, intake.forms, result.digests, norms, before, strict=True
        ):
            checkpoint = form.source.checkpoint
            source = describe_source(checkpoint, digests, checkpoint.ref, self.path)
            if source.files != states:
                raise SourceChangedError(f"{checkpoint.ref} changed while it was read: add it again when it is complete")
            rules = tuple(RuleDocument(rule=u.rule, source=u.source, tensors=u.tensors) for u in intake.uses_of(form))
            kind: Literal["difference", "dense"] = "difference" if form.is_centered else "dense"
            kept = keep_copy(checkpoint, source, self.path) if copy else source
            documents.append(VectorDocument(name=name, form=kind, source=kept, norm=float(norm), rules=rules))
        keys = [document.source.fingerprint for document in documents]
        GramCache(self.path / "gram").add(keys, keys, np.array([result.gram[n] for n in self._combinable_names()]))
        for document in documents:
            self._publish(document)
        return documents

    def _publish(self, document: VectorDocument) -> None:
        try:
            create_json_exclusive(self.path / "vectors" / f"{document.name}.json", document_data(document))
        except FileExistsError as error:
            raise StoreError(f"task vector {document.name!r} was added meanwhile by another process") from error

    def _combinable_names(self) -> tuple[str, ...]:
        return tuple(i.name for i in self.base.checkpoint.tensors.values() if i.dtype.is_combinable)

    def _form(self, document: VectorDocument) -> Form:
        owner = f"task vector {document.name!r}"
        source = open_source(document.source, self.path, owner, self.options)
        return Difference(source) if document.form == "difference" else Dense(source)

    def _complete(self, documents: Sequence[VectorDocument], missing: NDArray[np.bool_], cache: GramCache) -> None:
        rows = covering_rows(missing)
        others = [i for i in range(len(documents)) if i not in rows and missing[rows, i].any()]
        chosen = [documents[i] for i in (*rows, *others)]
        forms = [self._form(document) for document in chosen]
        allow = frozenset[Rule]().union(*(_rules(document) for document in chosen))
        tensors = align(self.base.checkpoint, forms, allow).combinable
        products = gram_rows(tensors, forms, len(rows), self.options)
        per_tensor = np.array([products[name] for name in self._combinable_names()])
        keys = [document.source.fingerprint for document in chosen]
        if not others:
            per_tensor = np.array([symmetric(products) for products in per_tensor])
        cache.add(keys[: len(rows)], keys, per_tensor)


def _rules(document: VectorDocument) -> frozenset[Rule]:
    return frozenset(Rule(rule.rule) for rule in document.rules)
