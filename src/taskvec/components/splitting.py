"""One matrix of T task vectors: what is shared is found in one reading, the components are taken in a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import CheckpointWriter
from taskvec.components.request import Request
from taskvec.linalg.subspaces.controls import Control, random_directions, sum_directions, with_directions
from taskvec.linalg.subspaces.nested import ROOT, share_in_tree
from taskvec.linalg.subspaces.sides import Projection, Side
from taskvec.linalg.subspaces.singular import SingularFactors, singular_factors
from taskvec.linalg.subspaces.subspaces import Shared
from taskvec.store.kinds.decompositions import MatrixDocument, SharingDocument
from taskvec.store.parts import component_name, subspace_name
from taskvec.streaming import AlignedTensor
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


def split_matrix(tensor: AlignedTensor, request: Request, path: Path) -> MatrixDocument:
    """Split one tensor and write the factors of what is shared.

    Args:
        tensor: The tensor.
        request: What is asked.
        path: The file of factors; made only where something is shared.

    Returns:
        What was found.
    """
    reader = MatrixReader(tensor, request.forms)
    spaces = _first_reading(reader, request)
    is_full = any(_fills(spaces.ranks, space.dimension(reader.shape)) for space in request.side.spaces)
    projections = {} if is_full else _projections(reader, request, spaces)
    energies = _write_factors(reader, request, {g: p for g, p in projections.items() if p.rank}, path)
    return MatrixDocument(
        name=tensor.name,
        shape=reader.shape,
        ranks=dict(spaces.ranks),
        energy=dict(spaces.energy),
        groups={group: _described(projection, energies.get(group, {})) for group, projection in projections.items()},
        left_out=FULL if is_full else None,
        error=spaces.error,
    )


def _first_reading(reader: MatrixReader, request: Request) -> _Spaces:
    bases: dict[Side, dict[str, Matrix]] = {space: {} for space in request.side.spaces}
    ranks, energy, error = {}, {}, 0.0
    total = np.zeros(reader.shape, np.float32) if request.control is Control.SUM else None
    for t, task in enumerate(request.tasks):
        factors = read_factors(reader, t, request, total)
        for space in request.side.spaces:
            bases[space][task] = space.basis(factors)
        ranks[task], energy[task], error = factors.rank, factors.energy, max(error, factors.error)
    return _Spaces(bases, ranks, energy, error, total)


def read_factors(reader: MatrixReader, task: int, request: Request, total: Single | None = None) -> SingularFactors:
    """Read one matrix and let go of it: two are never held at once.

    Args:
        reader: The matrix of all tasks.
        task: The index of the task.
        request: What is asked.
        total: Where the matrix is added to, if anywhere.

    Returns:
        Its leading singular directions.
    """
    matrix = reader.finite_delta(task)
    if total is not None:
        total += matrix
    key = f"{request.seed}\0{reader.tensor.name}"
    return singular_factors(matrix, request.rule, key=key, device=request.store.options.device, threads=request.threads)


def _fills(ranks: Mapping[str, int], dimension: int) -> bool:
    """Say whether subspaces of these ranks must meet in so many dimensions."""
    return sum(ranks.values()) >= dimension * (len(ranks) - 1)


def _projections(reader: MatrixReader, request: Request, spaces: _Spaces) -> dict[str, Projection]:
    found: dict[Side, Mapping[str, Shared]] = {}
    for space in request.side.spaces:
        shared = share_in_tree(spaces.bases[space], request.tree, request.sharing, space.dimension(reader.shape))
        found[space] = {ROOT: _controlled(shared[ROOT], request, spaces, space, reader)} if request.control else shared
    return {
        group.name: Projection(request.side, {space: found[space][group.name] for space in request.side.spaces})
        for group in request.tree
    }


def _controlled(shared: Shared, request: Request, spaces: _Spaces, space: Side, reader: MatrixReader) -> Shared:
    count = shared.directions.count
    if spaces.total is not None:
        vectors = sum_directions(spaces.total, count, space)
    else:
        key = f"{request.seed}\0control\0{space}\0{reader.tensor.name}"
        vectors = random_directions(space.dimension(reader.shape), count, key)
    return with_directions(shared, vectors, list(spaces.bases[space].values()))


def _write_factors(
    reader: MatrixReader, request: Request, projections: Mapping[str, Projection], path: Path
) -> dict[str, dict[str, float]]:
    """Write all factors of a matrix; return the energy that each group gives each of its tasks."""
    energies: dict[str, dict[str, float]] = {group: {} for group in projections}
    if not projections:
        return energies
    name, members = reader.tensor.name, {group.name: group.tasks for group in request.tree}
    infos = []
    for group, projection in projections.items():
        common, own = projection.shapes(reader.shape)
        infos.append(TensorInfo(subspace_name(group, name), DType.F32, common))
        infos += [TensorInfo(component_name(group, task, name), DType.F32, own) for task in members[group]]
    path.unlink(missing_ok=True)  # of a run that was killed
    with CheckpointWriter(path.parent, infos, filename=path.name) as writer:
        for group, projection in projections.items():
            writer.write(subspace_name(group, name), 0, projection.common().reshape(-1))
        for t, task in enumerate(request.tasks):
            having = [group for group in projections if task in members[group]]
            owns = _own_factors(reader, t, [projections[group] for group in having])
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
