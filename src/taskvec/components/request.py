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
from taskvec.linalg.subspaces.nested import ROOT, TaskGroup, task_tree
from taskvec.linalg.subspaces.precise import WIDENED_BYTES
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.sides import Side
from taskvec.linalg.subspaces.singular import search_bytes
from taskvec.linalg.subspaces.subspaces import SubspaceRule
from taskvec.registry import unknown
from taskvec.store.document import TaskDocument
from taskvec.store.kinds.vectors import VectorDocument
from taskvec.store.parts import component_name, subspace_name
from taskvec.store.store import Store
from taskvec.streaming import AlignedTensor
from taskvec.types import DType, TensorInfo
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.matrix import base_bytes, matrix_shape

Choice = TypeVar("Choice", Side, Control)

_SINGLE, _DOUBLE = 4, 8  # bytes of a number


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
class Splitting:
    """How the matrices of T task vectors are looked at: plain data, all that one matrix needs to be split.

    Attributes:
        tasks: The T names.
        centered: Whether each delta is a difference from the base.
        rule: How many singular directions count.
        sharing: How the shared subspace is found.
        side: Which spaces are looked at.
        tree: All tasks, then the groups within them.
        control: What stands in place of the shared directions.
        seed: The key of what is random.
        device: Where to multiply.
    """

    tasks: tuple[str, ...]
    centered: tuple[bool, ...]
    rule: RankRule
    sharing: SubspaceRule
    side: Side
    tree: tuple[TaskGroup, ...]
    control: Control | None
    seed: int
    device: str

    def unit_bytes(self, tensor: AlignedTensor) -> int:
        """Return the most that splitting one matrix holds at once."""
        shape = matrix_shape(tensor)
        short, both = min(shape), sum(shape)
        rank, tasks = self.rule.most(short), len(self.tasks)
        copies = _SINGLE * tensor.num_params * (2 if self.control else 1)
        factors = 2 * _DOUBLE * both * rank
        widths = [space.dimension(shape) for space in self.side.spaces]
        bases = 3 * _DOUBLE * tasks * rank * sum(widths)
        meeting = 4 * _DOUBLE * min(tasks * rank, max(widths)) ** 2
        search = search_bytes(shape, rank)
        return base_bytes(tensor) + copies + factors + bases + max(search, meeting) + 3 * WIDENED_BYTES

    def most_factors(self, tensor: AlignedTensor) -> list[TensorInfo]:
        """Return the most factors that one matrix can have: all that a rank, or the matrix, lets be shared."""
        height, width = matrix_shape(tensor)
        rank = self.rule.most(min(height, width))
        common, own = ((rank, width), (height, rank)) if self.side is Side.RIGHT else ((height, rank), (rank, width))
        spaces = [TensorInfo(subspace_name(group.name, tensor.name), DType.F32, common) for group in self.tree]
        names = [component_name(ROOT, task, tensor.name) for task in self.tasks]
        return [*spaces, *(TensorInfo(name, DType.F32, own) for name in names)]


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    Attributes:
        store: The store.
        documents: What the store knows of the T task vectors.
        matrices: The tensors to be split, aligned over their forms.
        splitting: How.
        wanted: What was asked for, as keywords.
    """

    store: Store
    documents: tuple[VectorDocument, ...]
    matrices: tuple[AlignedTensor, ...]
    splitting: Splitting
    wanted: Mapping[str, Any]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The T names."""
        return self.splitting.tasks

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
        splitting = Splitting(
            names, tuple(form.is_centered for form in forms), rule, sharing, side, tree, control,
            wanted.get("seed", 0), store.options.device,
        )  # fmt: skip
        plain = _plain({key: value for key, value in wanted.items() if key != "tasks" and value is not None})
        request = cls(store, documents, matrices, splitting, plain)
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
        widest = max(self.splitting.side.dimension(matrix_shape(tensor)) for tensor in self.matrices)
        rank = self.splitting.rule.rank
        if rank is not None and rank >= widest:
            raise DecompositionError(
                f"rank {rank} is the full rank of every matrix (the largest has {widest} directions), and "
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
        raise DecompositionError(unknown(what, name, list(kind))) from None
