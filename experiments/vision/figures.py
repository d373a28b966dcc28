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
    made = [_searches(found)]
    if negated := _negation(found):
        made.append(negated)
    if bases := _bases(found):
        made.append(bases)
    return tuple(made)


def _searches(found: Findings) -> Curves:
    lines = []
    for name in SEARCHED:
        record = found.added[LEARNING_RATE][name][0]
        unit = record["length"] / record["scaling"]
        x = tuple(scaling * unit for scaling, _ in record["tried"])
        lines.append(Series(name=name, x=x, y=tuple(score for _, score in record["tried"])))
    return Curves(
        title=f"Choosing λ on validation pictures, seed {found.plan.seeds[0]}",
        x=Axis(name="length of the edit ÷ length of the sum of all vectors", is_log=True),
        y=Axis(name="mean validation accuracy", unit="fraction"),
        series=tuple(lines),
    )


def _bases(found: Findings) -> Curves | None:
    """Bases over M."""
    lines = []
    for name in dict.fromkeys(name for name, _ in found.bases):
        sizes = [num_atoms for each, num_atoms in found.bases if each == name]
        if len(sizes) > 1:
            kept = [found.kept(LEARNING_RATE, basis_label(name, num_atoms)) for num_atoms in sizes]
            shares = tuple(num_atoms / len(found.names) for num_atoms in sizes)
            lines.append(_series(name, shares, kept, is_control=name in {"random", "subset, random"}))
    if not lines:
        return None
    return Curves(
        title="Addition from a basis, as a share of full addition",
        x=Axis(name="M / T"),
        y=Axis(name="accuracy ÷ that of adding all vectors", unit="fraction"),
        series=tuple(lines),
        spread=_spread(lines),
    )


def _negation(found: Findings) -> Curves | None:
    """What is left of targets, as far as every seed's and target's curve goes."""
    lines = []
    for kind in found.negated:
        left = {kept: values for kept in KEPT if (values := left_at(found, kind, kept))}
        if left:
            lines.append(_series(kind, tuple(left), list(left.values())))
    if not lines:
        return None
    return Curves(
        title="Forgetting one task, keeping the others",
        x=Axis(name="control accuracy kept", unit="fraction"),
        y=Axis(name="target accuracy left", unit="fraction"),
        series=tuple(lines),
        spread=_spread(lines),
    )


def _series(name: str, x: tuple[float, ...], values: list[list[float]], *, is_control: bool = False) -> Series:
    (n,) = set(map(len, values))
    return Series(
        name=name,
        x=x,
        y=tuple(map(fmean, values)),
        spread=tuple(map(stdev, values)) if n > 1 else None,
        n=n,
        is_control=is_control,
    )


def _spread(lines: list[Series]) -> str:
    """What the spreads are, where lines have some."""
    return "" if all(line.spread is None for line in lines) else SPREAD
