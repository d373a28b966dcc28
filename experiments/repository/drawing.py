"""Curves and the matrix of a repository's result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from experiments.repository.findings import Findings
from experiments.repository.growth import SHARES
from experiments.seeds import measured
from taskvec.reports import cosine_map, tree
from taskvec.results import Axis, Curves, Matrix, Measured, Series

SPREAD = "standard deviation over seeds: other draws of tasks, fine-tuned anew"
_DRAWN_SIZES = 4  # curves of error; more would hide each other


def curves(found: Findings, sizes: Sequence[int]) -> tuple[Curves, ...]:
    """Error against the number of atoms; bytes and seconds against the number of task vectors."""
    return _errors(found, sizes), _bytes(found, sizes), _seconds(found, sizes)


def cosines(found: Findings, families: Mapping[str, str]) -> Matrix:
    """Mean cosines between the sources' vectors, over seeds.

    Args:
        found: What was measured.
        families: Task → source.
    """
    sources = tuple(dict.fromkeys(families.values()))
    member = np.array([[families[task] == source for source in sources] for task in found.tasks], np.float64)
    means = np.mean([_between(np.array(each["cosine"]), member) for each in found.likeness], axis=0).round(4)
    return Matrix(
        title="Mean cosines between sources",
        rows=sources, columns=sources, row_name="source", column_name="source",
        values=tuple(map(tuple, means.tolist())), is_signed=True,
    )  # fmt: skip


def _between(cosine: NDArray[np.float64], member: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over pairs of different tasks: cosines `(T, T)` and membership `(T, F)` to `(F, F)`."""
    others = 1.0 - np.eye(len(cosine))
    found: NDArray[np.float64] = (member.T @ (cosine * others) @ member) / (member.T @ others @ member)
    return found


def save_map(found: Findings, file: Path) -> None:
    """Draw the cosines of the first seed's vectors under their tree."""
    cosine = np.array(found.likeness[0]["cosine"])
    file.parent.mkdir(parents=True, exist_ok=True)
    cosine_map(found.tasks, cosine, tree(cosine)).save(file)
    with Image.open(file) as drawn:
        smaller = drawn.convert("RGB").reduce(2)
    smaller.save(file, optimize=True)


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
    orthogonal = _line(
        f"T = {shown[-1][1]}, orthogonal",
        range(1, shown[-1][1]),
        list(zip(*(grown[shown[-1][0]]["orthogonal"][:-1] for grown in found.growth), strict=True)),
    )
    chance = orthogonal.model_copy(update={"is_control": True})
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
