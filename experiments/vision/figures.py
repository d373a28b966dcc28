"""The curves and matrices of the result."""

from statistics import fmean, stdev

from experiments.vision.findings import SPREAD, Findings
from experiments.vision.plan import LEARNING_RATE
from experiments.vision.tables import FULL, basis_label, left_at
from taskvec.results import Axis, Curves, Matrix, Series

KEPT = (0.99, 0.98, 0.97, 0.96, 0.95, 0.93, 0.9, 0.85, 0.8)
SEARCHED = (FULL, "TIES", "TSV-Merge", "Iso-C", "shared counted once")


def matrices(found: Findings) -> tuple[Matrix, ...]:
    """Cross-accuracy at every learning rate."""
    return tuple(_cross(found, rate) for rate in found.cross)


def _cross(found: Findings, rate: float) -> Matrix:
    runs, names = found.cross[rate], tuple(found.names)
    cells = [[[run[row][column] for run in runs] for column in names] for row in names]
    base = tuple(found.base[name] for name in names)
    values = (base, *(tuple(fmean(cell) for cell in row) for row in cells))
    many = len(runs) > 1
    spreads = ((None,) * len(names), *(tuple(stdev(cell) for cell in row) for row in cells)) if many else None
    return Matrix(
        title=f"Cross-accuracy at learning rate {rate:g}",
        rows=("base", *names),
        columns=names,
        row_name="fine-tuned on",
        column_name="measured on",
        values=values,
        unit="fraction",
        spreads=spreads,
        spread=SPREAD if many else "",
    )


def curves(found: Findings) -> tuple[Curves, ...]:
    """Searches for λ, bases over M, and negation."""
    made = [_searches(found), _negation(found)]
    return (*made, _bases(found)) if len(found.plan.atoms) > 1 else tuple(made)


def _searches(found: Findings) -> Curves:
    lines = []
    for name in SEARCHED:
        record = found.added[LEARNING_RATE][name][0]
        unit = record["length"] / record["scaling"]
        x = tuple(scaling * unit for scaling, _ in record["tried"])
        lines.append(Series(name=name, x=x, y=tuple(score for _, score in record["tried"])))
    return Curves(
        title="Choosing λ on validation pictures, seed 0",
        x=Axis(name="length of the edit ÷ length of the sum of all vectors", is_log=True),
        y=Axis(name="mean validation accuracy", unit="fraction"),
        series=tuple(lines),
    )


def _bases(found: Findings) -> Curves:
    """Every M of the first seed, which alone measures them all."""
    lines = []
    for name in found.plan.bases:
        labels = (basis_label(found, name, share, "recovered") for share in found.plan.atoms)
        each = [found.kept(LEARNING_RATE, label)[:1] for label in labels]
        lines.append(_series(name, found.plan.atoms, each, is_control=name in {"random", "subset, random"}))
    return Curves(
        title=f"Addition from a basis, as a share of full addition, seed {found.plan.seeds[0]}",
        x=Axis(name="M / T"),
        y=Axis(name="accuracy ÷ that of adding all vectors", unit="fraction"),
        series=tuple(lines),
    )


def _negation(found: Findings) -> Curves:
    lines = [_series(kind, KEPT, [left_at(found, kind, kept) for kept in KEPT]) for kind in found.negated]
    return Curves(
        title="Forgetting one task, keeping the others",
        x=Axis(name="control accuracy kept", unit="fraction"),
        y=Axis(name="target accuracy left", unit="fraction"),
        series=tuple(lines),
        spread=SPREAD if len(found.plan.seeds) > 1 else "",
    )


def _series(name: str, x: tuple[float, ...], values: list[list[float]], *, is_control: bool = False) -> Series:
    many = len(values[0]) > 1
    return Series(
        name=name,
        x=x,
        y=tuple(map(fmean, values)),
        spread=tuple(map(stdev, values)) if many else None,
        n=len(values[0]),
        is_control=is_control,
    )
