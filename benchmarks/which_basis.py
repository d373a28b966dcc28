"""Which basis, and how many atoms: every method on families that are alike in known ways, and on real fine-tunes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judging import ADDED_SCALING, KEPT, Accuracies, Judge
from benchmarks.pictures import Axis, Trace, traces
from benchmarks.relations import FAMILIES, NUM_TASKS, SHAPE, saved
from benchmarks.results import Answer
from benchmarks.setting import Setting
from benchmarks.tables import Cell, Column, Table, Unit
from benchmarks.vision import find_vision
from taskvec.reports import Chart

TITLE = "Which basis, and how many atoms?"
SHARES = (0.25, 0.5, 0.75)
VISION = "vision"
METHODS: Mapping[str, Mapping[str, Any]] = {
    "spectral": {"method": "spectral"},
    "spectral, normalized": {"method": "spectral", "normalize": True},
    "spectral, int8": {"method": "spectral", "dtype": "I8"},
    "autoencoder": {"method": "autoencoder"},
    "autoencoder, varpro": {"method": "autoencoder", "options": {"solver": "varpro"}},
    "pca": {"method": "pca"},
    "subset, greedy": {"method": "subset"},
    "subset, random": {"method": "subset", "options": {"choice": "random"}},
    "random": {"method": "random"},
}
JUDGED = ("spectral", "spectral, normalized", "spectral, int8", "autoencoder", "pca", "subset, greedy")
"""Methods whose accuracy is measured at half as many atoms as tasks; that of ``spectral`` is at any number."""


@dataclass(frozen=True, slots=True)
class Row:
    """One basis.

    Attributes:
        method: How it was made.
        num_atoms: M.
        relative_error: Of all.
        optimal_error: The least with as many stored vectors.
        worst_task: The largest error of a task.
        sum_cosine: Of the recovered sum with the sum.
        num_bytes: Stored.
        seconds: Of compressing, the Gram matrix known.
        accuracies: What the recovered vectors still do, where that was measured.
    """

    method: str
    num_atoms: int
    relative_error: float
    optimal_error: float
    worst_task: float
    sum_cosine: float
    num_bytes: int
    seconds: float | None
    accuracies: Accuracies | None = None

    def cells(self) -> tuple[Cell, ...]:
        """As a table has it."""
        errors = (self.relative_error, self.optimal_error, self.worst_task, self.sum_cosine)
        found = astuple(self.accuracies) if self.accuracies else (None,) * 5
        return (self.method, self.num_atoms, *errors, self.num_bytes, self.seconds, *found)


def ask(setting: Setting) -> Answer:
    """Compress every family by every method, to a quarter, a half and three quarters of its vectors."""
    tables = []
    for name, make in FAMILIES.items():
        base, refs = saved(setting.fresh(f"family-{name}".replace(" ", "-")), make(np.random.default_rng(0)))
        tables.append(_table(name, _rows(setting, name, _filled(setting, name, base, refs), None)))
    note = f"{VISION}: left out; make demo first, and run this where its packages are."
    vision = None if setting.is_toy else find_vision()
    if vision is not None:
        judge = Judge(vision, setting.cache / VISION, setting.say)
        store = _filled(setting, VISION, vision.base, vision.finetuned)
        rows = [_uncompressed(store, judge), *_rows(setting, VISION, store, judge)]
        tables.append(_table(VISION, rows))
        note = f"{VISION}: the base has a mean accuracy of {judge.base:.3f}."
    return Answer(
        setup=f"{NUM_TASKS} task vectors; synthetic ones of {SHAPE[0] * SHAPE[1]:,} weights in float32, whose norms "
        "are 0.5 to 1.5; the vision fine-tunes are those of make demo. worst: the largest error of one task. cosine: "
        "of the recovered sum with the sum. alone: mean test accuracy of each recovered vector at λ = 1 on its own "
        f"task; least: the least share of its own fine-tune's. added: mean test accuracy of the sum, at λ = "
        f"{ADDED_SCALING:g}. negated: mean test accuracy of the base less λ times a recovered vector on its own task, "
        "the less the better, and others, on all other tasks; λ is the largest at which these keep "
        f"{KEPT:.0%} of the base's accuracy on validation pictures.",
        tables=tuple(tables),
        targets=(),
        notes=(note,),
        runs={},
    )


def chart(answer: Answer) -> Chart:
    """Error against the bound, a point a basis."""
    drawn = [Trace(table.title, [(row[3], row[2]) for row in table.rows], has_line=False) for table in answer.tables]  # type: ignore[misc]
    below, beside = Axis("least possible error", (0, 1)), Axis("relative error", (0, None))
    return traces("Bases against the least possible error", below, beside, drawn, "least possible")


def _filled(setting: Setting, family: str, base: Path, refs: Mapping[str, Path]) -> Any:
    """Return a store of a family, all inner products known."""
    from taskvec import Store

    store = Store.init(setting.fresh(f"store-{family}".replace(" ", "-")), base)
    store.add(refs)
    store.gram()
    return store


def _uncompressed(store: Any, judge: Judge) -> Row:
    num_bytes = sum(store.documents.vector(name).source.nbytes for name in store)
    return Row("none", len(store), 0.0, 0.0, 0.0, 1.0, num_bytes, None, judge.judge(store))


def _rows(setting: Setting, family: str, store: Any, judge: Judge | None) -> Iterator[Row]:
    from taskvec import compress

    for label, wanted in METHODS.items():
        for share in SHARES[1:2] if setting.is_toy else SHARES:
            count = int(share * len(store))
            setting.say(f"{family}: {label}, {count} atoms")
            started = time.perf_counter()
            basis = compress(store, f"{label}_{count}".replace(", ", "_"), num_atoms=count, **_typed(wanted))
            seconds = time.perf_counter() - started
            errors = basis.certificate
            worst = errors.task_errors[errors.worst_task]
            figures = (errors.relative_error, errors.optimal_error, worst, _sum_cosine(basis))
            is_judged = label == "spectral" or (label in JUDGED and share == SHARES[1])
            accuracies = judge.judge(store, basis) if judge and is_judged else None
            yield Row(label, count, *figures, basis.document.nbytes, seconds, accuracies)


def _typed(wanted: Mapping[str, Any]) -> dict[str, Any]:
    from taskvec.types import DType

    return {key: DType(value) if key == "dtype" else value for key, value in wanted.items()}


def _sum_cosine(basis: Any) -> float:
    ones = np.ones(len(basis.tasks))
    (group,) = basis.groups
    weights = group.decoder @ ones
    recovered = float(weights @ group.atom_gram @ weights)
    truth, lost = float(ones @ basis.certificate.gram @ ones), float(ones @ basis.certificate.residual @ ones)
    return (recovered + truth - lost) / 2 / float(np.sqrt(recovered * truth)) if recovered > 0 else 0.0


def _table(name: str, rows: Iterator[Row] | list[Row]) -> Table:
    units = {
        "method": Unit.TEXT, "M": Unit.COUNT, "error": Unit.RATIO, "bound": Unit.RATIO, "worst": Unit.RATIO,
        "cosine": Unit.RATIO, "bytes": Unit.BYTES, "time": Unit.SECONDS, "alone": Unit.FRACTION,
        "least": Unit.FRACTION, "added": Unit.FRACTION, "negated": Unit.FRACTION, "others": Unit.FRACTION,
    }  # fmt: skip
    return Table(name, tuple(starmap(Column, units.items())), tuple(row.cells() for row in rows))
