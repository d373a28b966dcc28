"""Which basis, and how many atoms: every method on families that are alike in known ways, and on real fine-tunes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from benchmarks.pictures import OURS, PEER
from benchmarks.results import Answer
from benchmarks.setting import Setting
from benchmarks.tables import Cell, Column, Table, Unit
from benchmarks.vision import Vision, find_vision

TITLE = "Which basis, and how many atoms?"
HEIGHT = 2.6
SHAPE = (200, 250)
NUM_TASKS = 8
SHARES = (0.25, 0.5, 0.75)
METHODS: Mapping[str, Mapping[str, Any]] = {
    "spectral": {"method": "spectral"},
    "spectral, normalized": {"method": "spectral", "normalize": True},
    "spectral, int8": {"method": "spectral"},
    "autoencoder": {"method": "autoencoder"},
    "autoencoder, varpro": {"method": "autoencoder", "options": {"solver": "varpro"}},
    "pca": {"method": "pca"},
    "subset, greedy": {"method": "subset"},
    "subset, random": {"method": "subset", "options": {"choice": "random"}},
    "random": {"method": "random"},
}
JUDGED = ("spectral", "spectral, normalized", "autoencoder", "pca", "subset, greedy")
"""Methods whose accuracy is measured at half as many atoms as tasks; that of ``spectral`` is at any number."""
Vectors = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One basis.

    Attributes:
        family: Of which vectors.
        method: How it was made.
        num_atoms: M.
        relative_error: Of all.
        optimal_error: The least with as many stored vectors.
        worst_task: The largest error of a task.
        sum_cosine: Of the recovered sum with the sum.
        num_bytes: Stored.
        seconds: Of compressing, the Gram matrix known.
        single: Mean accuracy of each recovered vector alone on its own task.
        single_least: The least of these, against its own fine-tune's accuracy.
        added: Mean accuracy of the sum over all tasks.
    """

    family: str
    method: str
    num_atoms: int
    relative_error: float
    optimal_error: float
    worst_task: float
    sum_cosine: float
    num_bytes: int
    seconds: float
    single: float | None = None
    single_least: float | None = None
    added: float | None = None

    def cells(self) -> tuple[Cell, ...]:
        """As a table has it."""
        errors = (self.relative_error, self.optimal_error, self.worst_task, self.sum_cosine)
        accuracies = (self.single, self.single_least, self.added)
        return (self.method, self.num_atoms, *errors, self.num_bytes, self.seconds, *accuracies)


def ask(setting: Setting) -> Answer:
    """Compress every family by every method, to a quarter, a half and three quarters of its vectors."""
    rows: list[Row] = []
    for name, make in FAMILIES.items():
        setting.say(f"family: {name}")
        base, refs = _saved(setting.fresh(f"family-{name}".replace(" ", "-")), make(np.random.default_rng(0)))
        rows += _rows(setting, name, base, refs, None)
    vision = None if setting.is_toy else find_vision(setting.say)
    if vision is not None:
        rows += _rows(setting, "vision", vision.base, vision.finetuned, vision)
    tables = [_table(name, [row for row in rows if row.family == name]) for name in [*FAMILIES, "vision"]]
    return Answer(
        setup=f"{NUM_TASKS} task vectors; synthetic ones of {SHAPE[0] * SHAPE[1]:,} weights in float32, whose norms "
        "are 0.5 to 1.5; the vision fine-tunes are those of make demo. worst: the largest error of one task. cosine: "
        "of the recovered sum with the sum. alone: mean test accuracy of each recovered vector at λ = 1 on its own "
        "task, and the least share of its own fine-tune's. added: mean test accuracy of the sum, at λ = 0.3.",
        tables=tuple(table for table in tables if table.rows),
        targets=(),
        notes=() if vision else ("vision: left out; make demo first, and run this where its packages are.",),
        runs={},
    )


def draw(axes: Any, answer: Answer) -> None:
    """Error against the bound, a point a basis."""
    for table in answer.tables:
        points = [(row[3], row[2]) for row in table.rows]
        axes.plot(*zip(*points, strict=True), "o", markersize=3, label=table.title)
    axes.plot([0, 1], [0, 1], "--", color=PEER, linewidth=1)
    axes.set_xlabel("least possible error")
    axes.set_ylabel("relative error", color=OURS)
    axes.legend(fontsize=6)


def independent(rng: np.random.Generator) -> Vectors:
    """Nothing in common."""
    return _scaled(rng.standard_normal((SHAPE[0] * SHAPE[1], NUM_TASKS)))


def shared_direction(rng: np.random.Generator) -> Vectors:
    """One direction that all share; cosines are 0.5."""
    size = SHAPE[0] * SHAPE[1]
    return _scaled(rng.standard_normal((size, NUM_TASKS)) + rng.standard_normal((size, 1)))


def clustered(rng: np.random.Generator) -> Vectors:
    """Four pairs; cosines are 0.8 within a pair and 0.05 across."""
    size = SHAPE[0] * SHAPE[1]
    pairs = np.repeat(rng.standard_normal((size, 4)), 2, axis=1)
    own, common = rng.standard_normal((size, NUM_TASKS)), rng.standard_normal((size, 1))
    return _scaled(np.sqrt(0.75) * pairs + np.sqrt(0.2) * own + np.sqrt(0.05) * common)


def hierarchical(rng: np.random.Generator) -> Vectors:
    """Two families of two pairs each; cosines are 0.8, 0.5 and 0.2."""
    size = SHAPE[0] * SHAPE[1]
    parts = [(0.2, 1), (0.3, 2), (0.3, 4), (0.2, 8)]
    drawn = [np.sqrt(s) * np.repeat(rng.standard_normal((size, n)), NUM_TASKS // n, axis=1) for s, n in parts]
    return _scaled(np.sum(drawn, axis=0))


FAMILIES: Mapping[str, Callable[[np.random.Generator], Vectors]] = {
    "independent": independent,
    "shared direction": shared_direction,
    "clustered": clustered,
    "hierarchical": hierarchical,
}


def _scaled(vectors: Vectors) -> Vectors:
    norms = np.random.default_rng(1).permutation(np.linspace(0.5, 1.5, NUM_TASKS))
    scaled: Vectors = vectors / np.sqrt(len(vectors)) * norms
    return scaled


def _saved(folder: Path, vectors: Vectors) -> tuple[Path, dict[str, Path]]:
    base = np.random.default_rng(2).standard_normal(SHAPE).astype(np.float32) * 0.02
    refs = {}
    for name, change in [("base", np.zeros(len(vectors))), *((f"task{t}", v) for t, v in enumerate(vectors.T))]:
        refs[name] = folder / name
        refs[name].mkdir(parents=True)
        save_file({"weight": base + change.reshape(SHAPE).astype(np.float32)}, refs[name] / "model.safetensors")
    return refs.pop("base"), refs


def _rows(setting: Setting, family: str, base: Path, refs: Mapping[str, Path], vision: Vision | None) -> Iterator[Row]:
    from taskvec import Store, compress
    from taskvec.types import DType

    store = Store.init(setting.fresh(f"store-{family}".replace(" ", "-")), base)
    store.add(refs)
    store.gram()
    for label, wanted in METHODS.items():
        for share in SHARES[1:2] if setting.is_toy else SHARES:
            count = int(share * len(refs))
            setting.say(f"{family}: {label}, {count} atoms")
            started = time.perf_counter()
            name = f"{label}_{count}".replace(", ", "_").replace(" ", "_")
            dtype = DType.I8 if "int8" in label else None
            basis = compress(store, name, num_atoms=count, dtype=dtype, **wanted)
            seconds = time.perf_counter() - started
            errors = basis.certificate
            worst = errors.task_errors[errors.worst_task]
            figures = (errors.relative_error, errors.optimal_error, worst, _sum_cosine(basis))
            is_judged = label == "spectral" or (label in JUDGED and share == SHARES[1])
            accuracies = vision.accuracies(basis) if vision and is_judged else (None, None, None)
            yield Row(family, label, count, *figures, basis.document.nbytes, seconds, *accuracies)


def _sum_cosine(basis: Any) -> float:
    ones = np.ones(len(basis.tasks))
    (group,) = basis.groups
    weights = group.decoder @ ones
    recovered = float(weights @ group.atom_gram @ weights)
    truth, lost = float(ones @ basis.certificate.gram @ ones), float(ones @ basis.certificate.residual @ ones)
    return (recovered + truth - lost) / 2 / float(np.sqrt(recovered * truth)) if recovered > 0 else 0.0


def _table(name: str, rows: list[Row]) -> Table:
    units = {
        "method": Unit.TEXT, "M": Unit.COUNT, "error": Unit.RATIO, "bound": Unit.RATIO, "worst": Unit.RATIO,
        "cosine": Unit.RATIO, "bytes": Unit.BYTES, "time": Unit.SECONDS, "alone": Unit.FRACTION,
        "least": Unit.FRACTION, "added": Unit.FRACTION,
    }  # fmt: skip
    columns = tuple(starmap(Column, units.items()))
    return Table(name, columns, tuple(row.cells() for row in rows))
