"""What task vectors still do after compression: alone, added and negated, as accuracies on pictures.

Everything that was measured once is kept under a name made of all that decides it, so a run that was stopped goes on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.vision import Vision

ADDED_SCALING = 0.3
"""λ of additions, the same for every row."""

TEST, OTHERS = 384, 64
"""Test pictures of the task that is asked about, and of every other task beside a negation."""

TRIED = 80
"""Validation pictures of every other task while the λ of a negation is chosen."""

KEPT = 0.95
"""The share of the base's accuracy that other tasks must keep when one is negated (arXiv 2212.04089)."""

FIRST, RATIO, STEPS = 0.1, 1.5, 10
"""λ of negations: geometric steps up from the first, for as long as the other tasks keep their share."""

_REVISION = 1  # raise it when the meaning of this code changes


@dataclass(frozen=True, slots=True)
class Accuracies:
    """Test accuracies.

    Attributes:
        alone: Mean over tasks of base + τ̂ on its own task.
        least_share: The least of these against the fine-tune's own.
        added: Mean over tasks of base + λ Σ τ̂.
        target: Mean over tasks of base − λ τ̂ on its own task, λ chosen on validation pictures.
        control: Mean over tasks of the same models on all other tasks.
    """

    alone: float
    least_share: float
    added: float
    target: float
    control: float


class Judge:
    """Measures models made of the demo's task vectors.

    Attributes:
        vision: The models and data.
    """

    def __init__(self, vision: Vision, kept: Path, say: Callable[[str], None]) -> None:
        from demo.cache import Cache

        self.vision = vision
        self._cache = Cache(kept)
        self._say = say
        self._base = {task: self._of_folder(vision.base, task) for task in vision.studies}
        self._own = {task: self._of_folder(folder, task) for task, folder in vision.finetuned.items()}

    @property
    def base(self) -> float:
        """Mean accuracy of the base."""
        return _mean(self._base)

    def judge(self, store: Any, basis: Any = None) -> Accuracies:
        """Measure the vectors of a store, or those recovered from a basis of it."""
        tasks = store.names
        alone = {task: self._edited(store, basis, f"base + {task}", [task], task) for task in tasks}
        total = f"base + {ADDED_SCALING}*sum({', '.join(tasks)})"
        added = {task: self._edited(store, basis, total, tasks, task) for task in tasks}
        negated = [self._negated(store, basis, task) for task in tasks]
        return Accuracies(
            alone=_mean(alone),
            least_share=min(alone[task] / self._own[task] for task in tasks),
            added=_mean(added),
            target=sum(one["target"] for one in negated) / len(negated),
            control=sum(one["control"] for one in negated) / len(negated),
        )

    def _negated(self, store: Any, basis: Any, task: str) -> dict[str, float]:
        """Take away as much of a task as its validation pictures allow; return test accuracies and λ."""

        def measure() -> dict[str, float]:
            from taskvec import edit

            with tempfile.TemporaryDirectory() as folder:
                edit(store, task, Path(folder) / "vector", basis=_name(basis))
                scaling = self._largest_scaling(task, Path(folder) / "vector")
                out = Path(folder) / "out"
                edit(store, f"base - {scaling:g}*{task}", out, basis=_name(basis))
                model = _read(out)
                target = self._accuracy(model, task, "test", TEST)
                found = {"scaling": scaling, "target": target, "control": self._others(model, task, "test", OTHERS)}
            self._say(f"vision: base - {scaling:g}*{task}: {target:.3f}, others {found['control']:.3f}")
            return found

        deciding = [TRIED, TEST, OTHERS, KEPT, FIRST, RATIO, STEPS]
        return self._kept(measure, "negated", task, _identity(store, basis, [task]), deciding)

    def _largest_scaling(self, task: str, vector: Path) -> float:
        from demo.shifting import Shifted

        shifted = Shifted(_read(self.vision.base), vector)
        base = self._kept(lambda: self._others(shifted.at(0.0), task, "val", TRIED), self.vision.base.name, task, TRIED)
        chosen = 0.0
        for step in range(STEPS):
            scaling = float(f"{FIRST * RATIO**step:.3g}")
            if self._others(shifted.at(-scaling), task, "val", TRIED) < KEPT * base:
                break
            chosen = scaling
        return chosen

    def _others(self, model: Any, task: str, part: str, count: int) -> float:
        """Mean accuracy of a model on all tasks but one."""
        others = [other for other in self.vision.studies if other != task]
        return _mean({other: self._accuracy(model, other, part, count) for other in others})

    def _edited(self, store: Any, basis: Any, expression: str, used: Any, task: str) -> float:
        def measure() -> float:
            from taskvec import edit

            with tempfile.TemporaryDirectory() as folder:
                edit(store, expression, Path(folder) / "out", basis=_name(basis))
                return self._accuracy(_read(Path(folder) / "out"), task, "test", TEST)

        return float(self._kept(measure, expression, task, _identity(store, basis, used), [TEST]))

    def _of_folder(self, folder: Path, task: str) -> float:
        return float(self._kept(lambda: self._accuracy(_read(folder), task, "test", TEST), folder.name, task, [TEST]))

    def _accuracy(self, model: Any, task: str, part: str, count: int) -> float:
        from demo.encoding import encode

        study = self.vision.studies[task]
        pictures = getattr(study.split, part)
        return float(study.head.accuracy(encode(model, pictures.images[:count]), pictures.labels[:count]))

    def _kept(self, measure: Callable[[], Any], *deciding: object) -> Any:
        from demo.cache import key

        heads = [study.name for study in self.vision.studies.values()]
        return self._cache.value(f"judged-{key(of=deciding, heads=heads, revision=_REVISION)}", measure)


def _identity(store: Any, basis: Any, tasks: Any) -> list[object]:
    """What decides vectors: their fingerprints, or atoms and coefficients."""
    if basis is None:
        return [store.documents.vector(task).source.fingerprint for task in tasks]
    columns = [basis.tasks.index(task) for task in tasks]
    weights = [[row[column] for row in group.decoder] for group in basis.document.groups for column in columns]
    made = basis.document.random.model_dump() if basis.document.random else None
    return [[atom.fingerprint for atom in basis.document.atoms], made, weights]


def _name(basis: Any) -> str | None:
    return None if basis is None else str(basis.name)


def _read(folder: Path) -> Any:
    from demo import backbone

    return backbone.read(folder)


def _mean(found: Mapping[str, float]) -> float:
    return sum(found.values()) / len(found)
