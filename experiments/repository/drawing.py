"""Curves and the matrix of a repository's result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.repository.findings import Findings
from experiments.repository.growth import SHARES
from experiments.repository.summary import measured
from taskvec.results import Axis, Curves, Matrix, Measured, Series

SPREAD = "standard deviation over seeds: other draws of tasks, fine-tuned anew"
_DRAWN_SIZES = 4  # curves of error; more would hide each other


def curves(found: Findings, sizes: Sequence[int]) -> tuple[Curves, ...]:
    """Error against the number of atoms; bytes and seconds against the number of task vectors."""
    return _errors(found, sizes), _bytes(found, sizes), _seconds(found, sizes)


def cosines(found: Findings) -> Matrix:
    """Cosines of the first seed's vectors, in the order of the tree."""
    first = found.likeness[0]
    names = tuple(found.tasks[index] for index in first["order"])
    cells = np.array(first["cosine"])[np.ix_(first["order"], first["order"])].round(4).tolist()
    values = tuple(tuple(None if r == c else cell for c, cell in enumerate(row)) for r, row in enumerate(cells))
    return Matrix(
        title="Cosines between task vectors in the order of a tree, first seed",
        rows=names, columns=names, row_name="task", column_name="task", values=values, is_signed=True,
    )  # fmt: skip


def _errors(found: Findings, sizes: Sequence[int]) -> Curves:
    shown = [(index, size) for index, size in enumerate(sizes) if size > 5][-_DRAWN_SIZES:]
    lines = [
        _line(
            f"T = {size}",
            range(1, size),
            list(zip(*(grown[index]["errors"][:-1] for grown in found.growth), strict=True)),
        )
        for index, size in shown
    ]
    largest = shown[-1][1]
    chance = Series(
        name=f"T = {largest}, orthogonal and of equal norm",
        x=tuple(map(float, range(1, largest))),
        y=tuple((1 - count / largest) ** 0.5 for count in range(1, largest)),
        is_control=True,
    )
    return Curves(
        title="Error against the number of atoms",
        x=Axis(name="atoms M"), y=Axis(name="relative error of all vectors together"),
        series=(*lines, chance), spread=SPREAD,
    )  # fmt: skip


def _bytes(found: Findings, sizes: Sequence[int]) -> Curves:
    models = [[grown[index]["bytes"] for grown in found.growth] for index in range(len(sizes))]
    lines = [_line("the models", sizes, models)]
    for place, share in enumerate(SHARES):
        written = [[grown[index]["bases"][place]["bytes"] for grown in found.growth] for index in range(len(sizes))]
        lines.append(_line(f"atoms, M = {share:g} T", sizes, written))
    return _against_size("Bytes against the number of task vectors", Axis(name="size", unit="bytes"), lines)


def _seconds(found: Findings, sizes: Sequence[int]) -> Curves:
    indices = range(len(sizes))
    lines = [
        _line("add all to a store", sizes, [[grown[i]["add"] for grown in found.growth] for i in indices]),
        _line("all inner products", sizes, [[grown[i]["gram"] for grown in found.growth] for i in indices]),
        _line(
            "compress, M = T / 2", sizes, [[grown[i]["bases"][1]["seconds"] for grown in found.growth] for i in indices]
        ),
    ]
    return _against_size("Seconds against the number of task vectors", Axis(name="time", unit="seconds"), lines)


def _against_size(title: str, y: Axis, lines: Sequence[Series]) -> Curves:
    return Curves(title=title, x=Axis(name="task vectors T"), y=y, series=tuple(lines), spread=SPREAD)


def _line(name: str, x: Sequence[int], by_seed: Sequence[Sequence[float]]) -> Series:
    cells: list[Measured] = [measured(values) for values in by_seed]
    has_spread = all(cell.spread is not None for cell in cells)
    return Series(
        name=name,
        x=tuple(map(float, x)),
        y=tuple(cell.value for cell in cells),
        spread=tuple(cell.spread or 0.0 for cell in cells) if has_spread else None,
        n=cells[0].n,
    )
