"""What is asked of a decomposition, checked before anything is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, Unpack

from blake3 import blake3

from taskvec._version import __version__
from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.controls import Control
from taskvec.linalg.subspaces.nested import TaskGroup, task_tree
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.sides import Side
from taskvec.linalg.subspaces.subspaces import SubspaceRule
from taskvec.store.document import TaskDocument
from taskvec.store.kinds.vectors import VectorDocument
from taskvec.store.store import Store
from taskvec.streaming import AlignedTensor
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.forms import Form
from taskvec.vectors.matrix import matrix_shape

Choice = TypeVar("Choice", Side, Control)


class Wanted(TypedDict, total=False):
    """The keywords of :func:`taskvec.decompose`.

    Attributes:
        tasks: The T task vectors; all if not given.
        rank: Keep this many singular directions of each matrix; or
        energy: as many as hold this share of Σσ².
        subspace: How sharing is found: ``mean``, ``palindrome`` or ``chain``.
        threshold: The least eigenvalue of a shared direction; just above what chance gives if not given.
        side: ``left``, ``right`` or ``both``.
        groups: Name → some of the tasks, which may share more among themselves.
        one_dimensional: Also split biases and scales, as matrices of one column; they are unique otherwise.
        control: ``random`` or ``sum`` directions in place of the shared ones, in the same number.
        seed: The key of what is random.
    """

    tasks: Sequence[str] | None
    rank: int | None
    energy: float | None
    subspace: str
    threshold: float | None
    side: str
    groups: Mapping[str, Sequence[str]]
    one_dimensional: bool
    control: str | None
    seed: int


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    Attributes:
        store: The store.
        tasks: The T names.
        documents: What the store knows of them.
        forms: The T forms.
        matrices: The tensors to be split, aligned over the forms.
        rule: How many singular directions count.
        sharing: How the shared subspace is found.
        side: Which spaces are looked at.
        tree: All tasks, then the groups within them.
        control: What stands in place of the shared directions.
        seed: The key of what is random.
        wanted: What was asked for, as keywords.
        threads: How many may work at one matrix.
    """

    store: Store
    tasks: tuple[str, ...]
    documents: tuple[VectorDocument, ...]
    forms: tuple[Form, ...]
    matrices: tuple[AlignedTensor, ...]
    rule: RankRule
    sharing: SubspaceRule
    side: Side
    tree: tuple[TaskGroup, ...]
    control: Control | None
    seed: int
    wanted: Mapping[str, Any]
    threads: int = 1

    @classmethod
    def of(cls, store: Store, **wanted: Unpack[Wanted]) -> Request:
        """Check what is asked for.

        Args:
            store: The store.
            **wanted: The keywords of ``decompose``.

        Returns:
            The request.

        Raises:
            DecompositionError: If nothing can be split as asked.
        """
        given = wanted.get("tasks")
        names = tuple(dict.fromkeys(store.names if given is None else given))
        rule = RankRule(wanted.get("rank"), wanted.get("energy"))
        sharing = SubspaceRule(wanted.get("subspace", "mean"), wanted.get("threshold"))
        sharing.check_tasks(len(names))
        side = _choice(Side, wanted.get("side", "left"), "side")
        tree = task_tree(names, wanted.get("groups") or {})
        for group in tree:
            sharing.check_tasks(len(group.tasks))
        name = wanted.get("control")
        control = None if name is None else _choice(Control, name, "control")
        if control and len(tree) > 1:
            raise DecompositionError("a control takes the place of what all tasks share: leave the groups out")
        documents = tuple(store.documents.vector(name) for name in names)
        forms = tuple(store.form(document) for document in documents)
        allow = frozenset(Rule(use.rule) for document in documents for use in document.rules)
        aligned = align(store.base.checkpoint, forms, allow).combinable
        least = 1 if wanted.get("one_dimensional") else 2
        matrices = tuple(t for t in aligned if len(t.shape) >= least and t.num_params)
        request = cls(
            store, names, documents, forms, matrices, rule, sharing, side, tree, control, wanted.get("seed", 0),
            _plain({key: value for key, value in wanted.items() if key != "tasks" and value is not None}),
        )  # fmt: skip
        request._check_rank()
        return request

    def key(self) -> str:
        """Return what two requests share only if they ask the same of the same vectors."""
        said = json.dumps([self.wanted, self.store.options.device], sort_keys=True)
        identities = [task.fingerprint for task in self.task_documents()]
        return blake3("\0".join([__version__, said, *self.tasks, *identities]).encode()).hexdigest()

    def task_documents(self) -> tuple[TaskDocument, ...]:
        """Describe the tasks by the identities of their deltas."""
        return tuple(
            TaskDocument(name=document.name, fingerprint=document.identity, nbytes=document.source.nbytes)
            for document in self.documents
        )

    def _check_rank(self) -> None:
        """Refuse a rank that is the full rank of every matrix.

        Raises:
            DecompositionError: If it is, or there is no matrix.
        """
        if not self.matrices:
            raise DecompositionError(f"{self.store.path} holds no matrices: there is nothing to split")
        widest = max(self.side.dimension(matrix_shape(tensor)) for tensor in self.matrices)
        if self.rule.rank is not None and self.rule.rank >= widest:
            raise DecompositionError(
                f"rank {self.rule.rank} is the full rank of every matrix (the largest has {widest} directions), and "
                f"at full rank everything is shared: use a smaller --rank, such as {max(1, widest // 6)}"
            )


def _plain(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return keywords as a document gives them back."""
    plain: Mapping[str, Any] = json.loads(json.dumps(wanted, default=list))
    return plain


def _choice(kind: type[Choice], name: str, what: str) -> Choice:
    try:
        return kind(name)
    except ValueError:
        raise DecompositionError(f"unknown {what} {name!r}: use one of {', '.join(kind)}") from None
