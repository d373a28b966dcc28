"""What a store writes down: small JSON documents, each published whole by one atomic rename."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from taskvec.errors import StoreError
from taskvec.vectors.forms import delta_identity

STORE_VERSION: Literal[1] = 1
"""The layout that this version reads and writes."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # a command reads few of the kinds


class FileState(_Document):
    """A file as it was when its content was hashed.

    Attributes:
        path: Absolute, or relative to the store for what the store holds itself.
        size: Bytes.
        mtime_ns: Time of the last change of content, in nanoseconds.
        ctime_ns: Time of the last change of anything, which no user can set back.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


class SourceDocument(_Document):
    """A checkpoint that was hashed.

    Attributes:
        ref: As the user named it.
        path: Where it is: absolute, or relative to the store for a copy.
        fingerprint: Identity by content.
        digests: Tensor → digest.
        num_params: Elements of all tensors.
        nbytes: Bytes of all tensors.
        files: State of every file that matters.
        renames: Under which other names its tensors are taken, as ``OLD=NEW``; digests are under the new ones.
    """

    ref: str
    path: str
    fingerprint: str
    digests: dict[str, str]
    num_params: int
    nbytes: int
    files: tuple[FileState, ...]
    renames: tuple[str, ...] = ()


class RuleDocument(_Document):
    """A rule that was used when a vector was added, and the tensors that it covered."""

    rule: str
    source: str
    tensors: tuple[str, ...]


class VectorDocument(_Document):
    """One task vector of a store.

    Attributes:
        name: Its name.
        form: ``difference`` for a fine-tuned model, ``dense`` for a stored delta, ``low-rank`` for a LoRA adapter;
            ``shared`` and ``unique`` for the parts of a vector that was decomposed, which are made from its
            decomposition and never stored.
        source: The checkpoint.
        norm: ‖τ‖₂.
        rules: Rules that its alignment used.
    """

    name: str
    form: Literal["difference", "dense", "low-rank", "shared", "unique"]
    source: SourceDocument
    norm: float
    rules: tuple[RuleDocument, ...] = ()

    @property
    def is_low_rank(self) -> bool:
        """Whether its matrices are kept as thin factors."""
        return self.form in {"low-rank", "shared"}

    @property
    def identity(self) -> str:
        """What its inner products are kept under."""
        return delta_identity(self.source.fingerprint, is_centered=self.form == "difference")


class StoreDocument(_Document):
    """The store itself: its version and its base."""

    format: Literal["taskvec store"] = "taskvec store"
    version: Literal[1] = STORE_VERSION
    base: SourceDocument


class TaskDocument(_Document):
    """A task vector that a basis was made from."""

    name: str
    fingerprint: str
    nbytes: int


Rows = list[list[float]]
"""A matrix, row by row."""

UnknownRows = list[list[float | None]]
"""A matrix of which some numbers are not known."""


class GroupDocument(_Document):
    """Some tensors of the model, and a basis of their own for T task vectors.

    Attributes:
        name: Its name.
        tensors: The tensors.
        encoder: B, ``(T, K)``: atom k is Σ_t B[t, k] τ_t, rounded once; None where atoms are not made of these tasks.
        decoder: W, ``(K, T)``: τ_t is recovered as Σ_k W[k, t] atom_k.
        atom_gram: H = ŜᵀŜ of the atoms as written, ``(K, K)``.
        cross: C = ŜᵀV, ``(K, T)``; null for a vector that never was in the store.
        energy: ‖τ_t‖² in these tensors, ``(T,)``; null likewise.
    """

    name: str
    tensors: tuple[str, ...]
    encoder: Rows | None
    decoder: Rows
    atom_gram: Rows
    cross: UnknownRows
    energy: list[float | None]


class RandomDocument(_Document):
    """Atoms that are made from a seed and not stored."""

    seed: int
    count: int


class BasisDocument(_Document):
    """A basis for T task vectors.

    Attributes:
        name: Its name.
        method: How it was made.
        wanted: What was asked for, as keywords of ``compress``, for making it again.
        grouping: What has a basis of its own: the model, each layer or each tensor.
        tasks: The T vectors.
        groups: Atoms and coefficients of each group; group g has the first K_g of the atoms.
        atoms: The atoms, as the store holds them.
        is_quantized: Whether atoms are int8 rows with a scale each.
        is_factored: Whether atoms are products of thin factors.
        random: Atoms that are not stored.
        has_mean: Whether the last atom is the mean of the task vectors.
        gram: VᵀV, ``(T, T)``; null where a vector was gone when the other was added.
        residual: (V̂ − V)ᵀ(V̂ − V), ``(T, T)``, from the atoms as written; null likewise.
        optimal_error: The least error with as many atoms in each group, where there are several.
        nbytes: Bytes of atoms and coefficients.
    """

    name: str
    method: str
    wanted: dict[str, Any]
    grouping: Literal["model", "layer", "tensor"]
    tasks: tuple[TaskDocument, ...]
    groups: tuple[GroupDocument, ...]
    atoms: tuple[SourceDocument, ...]
    is_quantized: bool = False
    is_factored: bool = False
    random: RandomDocument | None = None
    has_mean: bool = False
    optimal_error: float | None = None
    gram: UnknownRows
    residual: UnknownRows
    nbytes: int

    @model_validator(mode="after")
    def _check_shapes(self) -> BasisDocument:
        """Refuse matrices that do not fit together.

        Raises:
            ValueError: If one does not.
        """
        num_tasks = len(self.tasks)
        num_atoms = self.random.count if self.random else len(self.atoms)
        fits = [_is_shaped(self.gram, num_tasks, num_tasks), _is_shaped(self.residual, num_tasks, num_tasks)]
        for group in self.groups:
            count = len(group.decoder)
            fits += [count <= num_atoms, len(group.energy) == num_tasks, _is_shaped(group.decoder, count, num_tasks)]
            fits += [_is_shaped(group.cross, count, num_tasks), _is_shaped(group.atom_gram, count, count)]
            fits.append(group.encoder is None or _is_shaped(group.encoder, num_tasks, count))
        fits.append(max((len(group.decoder) for group in self.groups), default=-1) == num_atoms)
        if not all(fits):
            raise ValueError("its matrices do not have the shapes of its tasks and atoms")
        return self


class SharedBasisDocument(_Document):
    """A basis outside of any store, for other machines.

    Attributes:
        base: Fingerprint of the base model.
        base_ref: The base as its owner named it.
        basis: The basis; paths are those of the store that it came from and mean nothing here.
    """

    format: Literal["taskvec basis"] = "taskvec basis"
    version: int = STORE_VERSION
    base: str
    base_ref: str
    basis: BasisDocument


class TaskGroupDocument(_Document):
    """Tasks that were looked at together for what they share."""

    name: str
    tasks: tuple[str, ...]


class SharingDocument(_Document):
    """What a group of tasks shares in one matrix.

    Attributes:
        rank: Dimensions of the shared subspace; the smaller where both sides are projected on.
        threshold: The least eigenvalue that counted.
        largest: The largest eigenvalue that there was.
        angles: For each direction, degrees between it and the tasks' spaces: arccos of the root mean squared cosine.
        energy: Task → ‖shared‖² of the component that this group gives it.
    """

    rank: int
    threshold: float
    largest: float
    angles: tuple[float, ...]
    energy: dict[str, float]


class MatrixDocument(_Document):
    """How one tensor was split.

    Attributes:
        name: The tensor.
        shape: Its shape as a matrix.
        ranks: Task → how many singular directions were kept.
        energy: Task → ‖W‖².
        groups: Group → what it shares; empty for a tensor that is unique as a whole.
        left_out: Why nothing was looked for, where that is so.
        error: The largest relative error of the singular directions; 0 where all were taken exactly.
    """

    name: str
    shape: tuple[int, int]
    ranks: dict[str, int]
    energy: dict[str, float]
    groups: dict[str, SharingDocument]
    left_out: str | None = None
    error: float = 0.0


class DecompositionDocument(_Document):
    """T task vectors, split into what they share and what is each one's own.

    Attributes:
        wanted: What was asked for, as keywords of ``decompose``.
        side: ``left``, ``right`` or ``both``.
        tasks: The T vectors, by the identities of their deltas.
        groups: All tasks, then the groups within them.
        matrices: How each tensor was split, in the base's order.
        factors: The factors of the shared components; None where nothing is shared.
        nbytes: Bytes of the factors.
    """

    wanted: dict[str, Any]
    side: Literal["left", "right", "both"]
    tasks: tuple[TaskDocument, ...]
    groups: tuple[TaskGroupDocument, ...]
    matrices: tuple[MatrixDocument, ...]
    factors: SourceDocument | None
    nbytes: int


Document = TypeVar("Document", bound=BaseModel)


def load_document(kind: type[Document], path: Path) -> Document:
    """Read a document of a store.

    Args:
        kind: What it is.
        path: Where it is.

    Returns:
        The document.

    Raises:
        StoreError: If it cannot be read or does not say what such a document says.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise StoreError(f"{path}: is damaged or of another version: {where}: {first['msg']}") from error


def _is_shaped(rows: Sequence[Sequence[float | None]], height: int, width: int) -> bool:
    return len(rows) == height and all(len(row) == width for row in rows)


def document_data(document: BaseModel) -> dict[str, Any]:
    """Return a document as plain data, ready to be written."""
    return document.model_dump(mode="json")
