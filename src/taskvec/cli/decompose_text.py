"""A decomposition as a person reads it: the matrices with most in common, and every task."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from taskvec.cli.printable import printable
from taskvec.cli.tables import table
from taskvec.components.decomposition import Decomposition, energy_in, shared_rank
from taskvec.linalg.subspaces.nested import ROOT
from taskvec.store.kinds.decompositions import MatrixDocument
from taskvec.streaming.memory import format_size

_SHOWN = 24


def decomposition_text(found: Decomposition) -> Iterator[str | Table]:
    """Say what is shared, where, and how much of every task that is.

    Args:
        found: The decomposition.

    Yields:
        Tables and sentences.
    """
    matrices = found.document.matrices
    inner = [group.name for group in found.document.groups if group.name != ROOT]
    most = sorted(matrices, key=lambda matrix: -sum(sharing.rank for sharing in matrix.groups.values()))
    header = ("matrix", "shape", "ranks", "shared", *inner, "threshold", "largest", "angles", "shared energy")
    yield table(header, (_row(matrix, inner) for matrix in most[:_SHOWN]))
    if len(most) > _SHOWN:
        yield f"… and {len(most) - _SHOWN} matrices with less (--json prints all)"
    yield ""
    report = found.to_json()["tasks"]
    rows = [
        (name, f"{said['norm']:.4g}", f"{said['shared_norm']:.4g}", f"{said['unique_norm']:.4g}",
         _percent(said["shared_energy"]))
        for name, said in report.items()
    ]  # fmt: skip
    yield table(("task", "norm", "shared norm", "unique norm", "shared energy"), rows)
    size = format_size(found.document.nbytes)
    yield f"{found.shared_dimensions} shared dimensions in {len(matrices)} matrices; factors take {size}"


def _row(matrix: MatrixDocument, inner: list[str]) -> tuple[str, ...]:
    ranks = sorted(matrix.ranks.values())
    root = matrix.groups.get(ROOT)
    kept = str(ranks[0]) if ranks[0] == ranks[-1] else f"{ranks[0]}–{ranks[-1]}"
    energies = [energy_in(matrix, task) / energy for task, energy in matrix.energy.items() if energy]
    return (
        printable(matrix.name),
        f"{matrix.shape[0]} × {matrix.shape[1]}",
        kept,
        str(shared_rank(matrix, ROOT)) if root else "–",
        *(str(shared_rank(matrix, group)) for group in inner),
        f"{root.threshold:.3f}" if root else "–",
        f"{root.largest:.3f}" if root else "–",
        f"{root.angles[0]:.0f}–{root.angles[-1]:.0f}°" if root and root.angles else "–",
        _percent(sum(energies) / len(energies)) if energies else "–",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
