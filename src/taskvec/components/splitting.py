"""One matrix of T task vectors: what is shared is found in one reading, the components are taken in a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import CheckpointWriter
from taskvec.components.request import Request, Splitting
from taskvec.linalg.subspaces.controls import Control, random_directions, sum_directions, with_directions
from taskvec.linalg.subspaces.nested import ROOT, share_in_tree
from taskvec.linalg.subspaces.sides import Projection, Side
from taskvec.linalg.subspaces.singular import SingularFactors, singular_factors
from taskvec.linalg.subspaces.subspaces import Shared
from taskvec.store.kinds.decompositions import MatrixDocument, SharingDocument
from taskvec.store.parts import component_name, subspace_name
from taskvec.streaming import AlignedTensor, Arrays, Job, TensorKernel, TensorSink
from taskvec.types import DType, TensorInfo
from taskvec.vectors.matrix import MatrixReader

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]

FULL = "the kept directions fill the space, so that subspaces meet by necessity: keep fewer"


@dataclass(frozen=True)
class _Spaces:
    """What the first reading learned.

    Attributes:
        bases: Single side → task → singular directions.
        ranks: Task → their number.
        energy: Task → ‖W‖².
        error: The largest error of singular directions.
        total: Σ W, where a control needs it.
    """

    bases: Mapping[Side, Mapping[str, Matrix]]
    ranks: Mapping[str, int]
    energy: Mapping[str, float]
    error: float
    total: Single | None


@dataclass(frozen=True)
class SplitKernel(TensorKernel):
    """Splits every matrix and writes the factors of what is shared, a file a matrix.

    What was found is a document, which a pass hands on as JSON.

    Attributes:
        splitting: How.
        folder: Where the files go.
        files: Matrix → its file, made only where something is shared.
    """

    calls: ClassVar[tuple[str, ...]] = ("deltas", "gram", "linear_algebra")
    remedy: ClassVar[str] = "use --rank with less"
    splitting: Splitting
    folder: Path
    files: Mapping[str, str]

    def whole(self, tensor: AlignedTensor, writers: Sequence[TensorSink], threads: int) -> Arrays:  # noqa: ARG002
        """Split one matrix."""
        found = _split(tensor, self.splitting, threads, self.folder / self.files[tensor.name])
        return (np.frombuffer(found.model_dump_json().encode(), np.uint8),)

    def unit_bytes(self, tensor: AlignedTensor) -> int:
        """Return the most that splitting one matrix holds at once."""
        return self.splitting.unit_bytes(tensor)

    def read_bytes(self, tensor: AlignedTensor, count: int) -> int:
        """Count the base once, and every task twice."""
        own = count * tensor.base.info.dtype.itemsize if tensor.base else 0
        return 2 * tensor.read_bytes(count) - own

    def written_bytes(self, tensor: AlignedTensor, count: int, writers: int) -> int:  # noqa: ARG002
        """Return the most that there can be."""
        return sum(info.nbytes for info in self.splitting.most_factors(tensor))

    def parameters(self) -> bytes:
        """Return how matrices are split."""
        return repr(self.splitting).encode()


def split_job(request: Request, folder: Path) -> Job:
    """Describe the pass that splits all matrices, for running or for planning.

    Args:
        request: What is asked.
        folder: Where the files of factors go.

    Returns:
        The job; it reads the base once and every task twice.
    """
    label = f"split {len(request.tasks)} task vectors in {len(request.matrices)} matrices"
    files = {tensor.name: factor_filename(index) for index, tensor in enumerate(request.matrices)}
    return Job(label, request.matrices, SplitKernel(request.splitting, folder, files))


def factor_filename(index: int) -> str:
    """Return the file of the factors of a matrix."""
    return f"matrix_{index:05d}.safetensors"


def document_of(arrays: Arrays) -> MatrixDocument:
    """Return what the pass found in a matrix."""
    return MatrixDocument.model_validate_json(arrays[0].tobytes())


@dataclass(frozen=True)
class TaskMatrices:
    """The matrices of all tasks in one tensor, each read when it is asked for.

    Attributes:
        reader: Reads them.
        splitting: What is asked of them.
        threads: How many may work at one.
    """

    reader: MatrixReader
    splitting: Splitting
    threads: int

    @property
    def shape(self) -> tuple[int, int]:
        """The shape that all have."""
        return self.reader.shape

    @property
    def name(self) -> str:
        """The tensor's name."""
        return self.reader.tensor.name

    def factors(self, task: int, total: Single | None = None) -> SingularFactors:
        """Read one matrix and let go of it: two are never held at once.

        Args:
            task: The index of the task.
            total: Where the matrix is added to, if anywhere.

        Returns:
            Its leading singular directions.
        """
        matrix = self.reader.finite_delta(task)
        if total is not None:
            total += matrix
        how, key = self.splitting, f"{self.splitting.seed}\0{self.name}"
        return singular_factors(matrix, how.rule, key=key, device=how.device, threads=self.threads)


def _split(tensor: AlignedTensor, splitting: Splitting, threads: int, path: Path) -> MatrixDocument:
    matrices = TaskMatrices(MatrixReader(tensor, splitting.centered), splitting, threads)
    spaces = _first_reading(matrices)
    is_full = any(_fills(spaces.ranks, space.dimension(matrices.shape)) for space in splitting.side.spaces)
    projections = {} if is_full else _projections(matrices, spaces)
    energies = _write_factors(matrices, {g: p for g, p in projections.items() if p.rank}, path)
    return MatrixDocument(
        name=tensor.name,
        shape=matrices.shape,
        ranks=dict(spaces.ranks),
        energy=dict(spaces.energy),
        groups={group: _described(projection, energies.get(group, {})) for group, projection in projections.items()},
        left_out=FULL if is_full else None,
        error=spaces.error,
    )


def _first_reading(matrices: TaskMatrices) -> _Spaces:
    splitting = matrices.splitting
    bases: dict[Side, dict[str, Matrix]] = {space: {} for space in splitting.side.spaces}
    ranks, energy, error = {}, {}, 0.0
    total = np.zeros(matrices.shape, np.float32) if splitting.control is Control.SUM else None
    for t, task in enumerate(splitting.tasks):
        factors = matrices.factors(t, total)
        for space in splitting.side.spaces:
            bases[space][task] = space.basis(factors)
        ranks[task], energy[task], error = factors.rank, factors.energy, max(error, factors.error)
    return _Spaces(bases, ranks, energy, error, total)


def _fills(ranks: Mapping[str, int], dimension: int) -> bool:
    """Say whether subspaces of these ranks must meet in so many dimensions."""
    return sum(ranks.values()) >= dimension * (len(ranks) - 1)


def _projections(matrices: TaskMatrices, spaces: _Spaces) -> dict[str, Projection]:
    splitting = matrices.splitting
    found: dict[Side, Mapping[str, Shared]] = {}
    for space in splitting.side.spaces:
        dimension = space.dimension(matrices.shape)
        shared = share_in_tree(spaces.bases[space], splitting.tree, splitting.sharing, dimension)
        found[space] = {ROOT: _controlled(shared[ROOT], matrices, spaces, space)} if splitting.control else shared
    return {
        group.name: Projection(splitting.side, {space: found[space][group.name] for space in splitting.side.spaces})
        for group in splitting.tree
    }


def _controlled(shared: Shared, matrices: TaskMatrices, spaces: _Spaces, space: Side) -> Shared:
    count = shared.directions.count
    if spaces.total is not None:
        vectors = sum_directions(spaces.total, count, space)
    else:
        key = f"{matrices.splitting.seed}\0control\0{space}\0{matrices.name}"
        vectors = random_directions(space.dimension(matrices.shape), count, key)
    return with_directions(shared, vectors, list(spaces.bases[space].values()))


def _write_factors(
    matrices: TaskMatrices, projections: Mapping[str, Projection], path: Path
) -> dict[str, dict[str, float]]:
    """Write all factors of a matrix; return the energy that each group gives each of its tasks."""
    energies: dict[str, dict[str, float]] = {group: {} for group in projections}
    if not projections:
        return energies
    name, splitting = matrices.name, matrices.splitting
    members = {group.name: group.tasks for group in splitting.tree}
    infos = []
    for group, projection in projections.items():
        common, own = projection.shapes(matrices.shape)
        infos.append(TensorInfo(subspace_name(group, name), DType.F32, common))
        infos += [TensorInfo(component_name(group, task, name), DType.F32, own) for task in members[group]]
    path.unlink(missing_ok=True)  # of a run that was killed
    with CheckpointWriter(path.parent, infos, filename=path.name) as writer:
        for group, projection in projections.items():
            writer.write(subspace_name(group, name), 0, projection.common().reshape(-1))
        for t, task in enumerate(splitting.tasks):
            having = [group for group in projections if task in members[group]]
            owns = _own_factors(matrices.reader, t, [projections[group] for group in having])
            for group, own_factor in zip(having, owns, strict=True):
                writer.write(component_name(group, task, name), 0, own_factor.reshape(-1))
                energies[group][task] = float(np.square(own_factor, dtype=np.float64).sum())
    return energies


def _own_factors(reader: MatrixReader, task: int, projections: Sequence[Projection]) -> list[Single]:
    if not projections:
        return []
    matrix = reader.delta(task)
    return [projection.own(matrix) for projection in projections]


def _described(projection: Projection, energy: dict[str, float]) -> SharingDocument:
    shared = list(projection.shared.values())
    narrowest = min(shared, key=lambda one: one.directions.count)
    cosines = np.sqrt(np.clip(narrowest.agreement, 0.0, 1.0))
    return SharingDocument(
        rank=projection.rank,
        threshold=max(one.threshold for one in shared),
        largest=min(one.directions.largest for one in shared),
        angles=tuple(np.degrees(np.arccos(cosines)).tolist()),
        energy=energy,
    )
