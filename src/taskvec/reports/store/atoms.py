"""What a basis would lose and cost for every number of atoms, and the bases that there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.basis import Basis
from taskvec.linalg.certificate import known
from taskvec.linalg.spectrum import Spectrum
from taskvec.reports.charts import atoms_chart, cells_chart, lines_chart
from taskvec.reports.page import Block, Details, Figure, Numbers, Section, Words
from taskvec.reports.store.facts import StoreFacts
from taskvec.results import Axis, Column, Curves, Matrix, Series, Table
from taskvec.results.tables import Cell

Values = NDArray[np.float64]

_MOST_STEPS = 40


def atoms(facts: StoreFacts) -> Section:
    """Lay out the section."""
    return Section("atoms", "What fewer vectors would lose", tuple(_blocks(facts)))


def _blocks(facts: StoreFacts) -> Iterator[Block]:
    spectrum = Spectrum.of(facts.gram)
    grid = steps(len(facts.names))
    errors, total = task_errors(facts.gram, spectrum), spectrum.optimal_errors()
    rows = [count - 1 for count in grid]
    sizes = [count * facts.store.documents.store().base.nbytes for count in grid]
    made = [
        (basis.name, basis.num_stored, basis.certificate.relative_error)
        for basis in facts.bases
        if set(basis.tasks) == set(facts.names) and np.isfinite(basis.certificate.relative_error)
    ]
    yield Words(
        "The least error that any M vectors can have, from the eigenvalues of the Gram matrix (Eckart and Young): of "
        "all tasks together, and of each in the same space. Diamonds: the bases of all these tasks that the store has."
    )
    chart = atoms_chart(grid, errors[rows], total[rows].tolist(), facts.names, sizes, made)
    yield Figure(
        chart, "Thin lines: single tasks; point at one to see its name.", _costs(grid, errors, total, sizes, facts)
    )
    yield Figure(lines_chart(_spectrum_curves(spectrum)), "A flat spectrum means vectors that have little in common.")
    yield from _made(facts.bases)


def steps(count: int) -> list[int]:
    """Return the numbers of atoms that are looked at: all while they are few, then ever wider steps up to T."""
    if count <= _MOST_STEPS:
        return list(range(1, count + 1))
    return sorted({round(float(step)) for step in np.geomspace(1, count, _MOST_STEPS)})


def task_errors(gram: Values, spectrum: Spectrum) -> Values:
    """Return ‖τ̂_t − τ_t‖ / ‖τ_t‖ in the best space of M vectors: √(1 − Σ_{k≤M} λ_k q_tk² / G_tt).

    Args:
        gram: G, ``(T, T)``.
        spectrum: Its eigenvalues and vectors.

    Returns:
        ``(T, T)``, M − 1 by task; NaN for a zero vector.
    """
    squares = np.diag(gram)
    kept = np.cumsum(spectrum.vectors**2 * spectrum.values, axis=1).T
    with np.errstate(invalid="ignore", divide="ignore"):
        errors: Values = np.sqrt(np.clip(1 - kept / squares, 0.0, 1.0))
    errors[-1] = np.where(np.isnan(errors[-1]), np.nan, 0.0)
    return errors


def _costs(grid: Sequence[int], errors: Values, total: Values, sizes: Sequence[int], facts: StoreFacts) -> Table:
    columns = (
        Column(name="atoms", unit="count"),
        Column(name="error of all", unit="number", meaning="‖V̂ − V‖_F / ‖V‖_F"),
        Column(name="worst task", meaning="the largest relative error of one task"),
        Column(name="its error", unit="number"),
        Column(name="size", unit="bytes", meaning="atoms in the base's dtypes"),
        Column(name="of the vectors'", unit="fraction"),
    )
    original = sum(document.source.nbytes for document in facts.documents)
    rows: list[tuple[Cell, ...]] = []
    for count, size in zip(grid, sizes, strict=True):
        single = np.nan_to_num(errors[count - 1], nan=-1.0)
        worst = int(single.argmax())
        row = (count, float(total[count - 1]), facts.names[worst], max(float(single[worst]), 0.0))
        rows.append((*row, size, size / original if original else None))
    return Table(title="What M atoms would cost", columns=columns, rows=tuple(rows))


def _spectrum_curves(spectrum: Spectrum) -> Curves:
    total = max(float(spectrum.values.sum()), np.finfo(np.float64).tiny)
    count = len(spectrum.values)
    places = tuple(float(k) for k in range(1, count + 1))
    series = [Series(name="these vectors", x=places, y=tuple((spectrum.values / total).tolist()))]
    if count > 1:
        flat = Series(name="orthogonal vectors of equal norm", x=(1.0, places[-1]), y=(1 / count,) * 2, is_control=True)
        series.append(flat)
    return Curves(
        title="Spectrum of the Gram matrix",
        x=Axis(name="eigenvalue", unit="count"),
        y=Axis(name="share of ‖V‖²", unit="fraction"),
        series=tuple(series),
    )


def _made(bases: Sequence[Basis]) -> Iterator[Block]:
    if not bases:
        yield Words("The store has no basis yet: make one with taskvec compress.")
        return
    yield Numbers(bases_table(bases))
    if len(bases) * max(len(basis.tasks) for basis in bases) > 1:
        chart = cells_chart(certificates(bases))
        yield Figure(
            chart, "Certificates: the exact relative error of every task; grey where a basis does not hold it."
        )
    notes = tuple((basis.name, note) for basis in bases for note in basis.notes)
    if notes:
        yield Details("What the averages may hide", notes)


def bases_table(bases: Sequence[Basis]) -> Table:
    """Return a row for each basis: what it is, what it loses, what it costs."""
    columns = (
        Column(name="basis"),
        Column(name="method"),
        Column(name="atoms", unit="count"),
        Column(name="tasks", unit="count"),
        Column(name="error of all", unit="number", meaning="‖V̂ − V‖_F / ‖V‖_F, of the atoms as written"),
        Column(name="least possible", unit="number"),
        Column(name="of the sum", unit="number", meaning="relative error of the sum of all tasks"),
        Column(name="size", unit="bytes"),
        Column(name="of the models'", unit="fraction"),
    )
    rows = []
    for basis in bases:
        errors = basis.certificate
        found = (_finite(errors.relative_error), _finite(errors.optimal_error), _finite(errors.sum_error))
        share = basis.document.nbytes / basis.original_bytes if basis.original_bytes else None
        first = (basis.name, basis.document.method, basis.num_atoms, len(basis.tasks))
        rows.append((*first, *found, basis.document.nbytes, share))
    return Table(title="Bases and their certificates", columns=columns, rows=tuple(rows))


def certificates(bases: Sequence[Basis]) -> Matrix:
    """Return the relative error of every task in every basis; null where it does not hold the task."""
    tasks = tuple(dict.fromkeys(task for basis in bases for task in basis.tasks))
    errors = [basis.certificate.task_errors for basis in bases]
    values = tuple(tuple(_finite(found.get(task, float("nan"))) for task in tasks) for found in errors)
    return Matrix(
        title="Relative error of each task",
        rows=tuple(basis.name for basis in bases),
        columns=tasks,
        row_name="basis",
        column_name="task",
        values=values,
    )


def _finite(value: float) -> float | None:
    return round(value, 6) if known(value) is not None and np.isfinite(value) else None
