"""Where measurements happen: models edited in place, every unit kept under a key of all that decides it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.nn import Module

from experiments.cached import Kept
from experiments.vision.directions import SEEDED, BasisOf, Direction, Workshop
from experiments.vision.plan import REVISION, Plan
from taskvec import RunOptions, Store
from taskvec.evaluation import Grid, InPlace, SimpleTask, addition, negation

Json = dict[str, Any]
Values = Mapping[str, Any]

START = 0.25
"""The search for λ begins where the edit is as long as this share of the sum of all vectors, whatever the method."""

RATIO = 1.5
"""Of neighbours in a search."""

TOLERANCE = 0.02
"""Of a search: about one standard error of the mean accuracy of so few validation pictures. Sums over bases, which are
many and like the sum of all vectors, are searched without."""

MEMORY = 4 << 30
"""Of the whole process, which holds the model and a direction beside what is streamed."""

NEGATED = (0.2, 0.4, 0.7, 1.2, 2.0)
"""λ of a negation's curve; it goes on while enough of the controls is kept."""


@dataclass(frozen=True)
class Group:
    """Fine-tunes of one learning rate and seed.

    Attributes:
        learning_rate: Of the fine-tunes.
        seed: Of the fine-tunes.
        folders: Task → checkpoint.
    """

    learning_rate: float
    seed: int
    folders: Mapping[str, Path]

    @property
    def identity(self) -> Json:
        """What its numbers depend on."""
        return {name: folder.name for name, folder in self.folders.items()}


@dataclass
class Laboratory:
    """The base, its tasks and the cache.

    Attributes:
        plan: How much is done.
        base: The base's folder.
        model: The base, loaded; it is moved and put back.
        tasks: The tasks by name.
        heads: Task → the name of its head and pictures.
        kept: The cache.
        load: Reads a checkpoint.
        say: Told of progress.
    """

    plan: Plan
    base: Path
    model: Module
    tasks: Mapping[str, SimpleTask]
    heads: Mapping[str, str]
    kept: Kept
    load: Callable[[Path], Module]
    say: Callable[[str], None]
    _last: tuple[Path, Module] | None = field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        """The tasks' names."""
        return list(self.tasks)

    def of_checkpoint(self, folder: Path, names: Sequence[str]) -> dict[str, float]:
        """Test accuracy of a checkpoint on some tasks."""
        return {name: self._accuracy(folder, name) for name in names}

    def _accuracy(self, folder: Path, name: str) -> float:
        def measure() -> float:
            return self.tasks[name].test(self.loaded(folder))["accuracy"]

        found: float = self.kept.value("accuracy", measure, checkpoint=folder.name, **self.deciding([name]))
        return found

    def loaded(self, folder: Path) -> Module:
        """A checkpoint, read unless it was the last one."""
        if self._last is None or self._last[0] != folder:
            self._last = (folder, self.load(folder))
        return self._last[1]

    def deciding(self, names: Sequence[str]) -> Json:
        """What a measurement on some tasks depends on, beside the model."""
        heads = {name: self.heads[name] for name in names}
        parts = {"val": self.plan.validation, "test": self.plan.test}
        return {"heads": heads, "parts": parts, "precision": self.plan.precision, "revision": REVISION}


@dataclass
class Bench:
    """What can be measured of one group of fine-tunes.

    Attributes:
        laboratory: Base, tasks and cache.
        group: The fine-tunes.
    """

    laboratory: Laboratory
    group: Group

    @cached_property
    def workshop(self) -> Workshop:
        """A store of the fine-tunes; opened when something is not known yet."""
        lab = self.laboratory
        options = RunOptions(memory=MEMORY, workers=torch.get_num_threads())

        def build(draft: Path) -> None:
            store = Store.init(draft / "store", lab.base, options)
            store.add(self.group.folders)

        deciding = {"base": lab.base.name, "vectors": self.group.identity, "revision": REVISION}
        made = lab.kept.folder("store", build, **deciding)
        return Workshop(Store(made / "store", options), lab.plan, self.group.seed)

    @cached_property
    def sum_norm(self) -> float:
        """‖Σ τ‖, from the store's Gram matrix."""
        return math.sqrt(float(self.workshop.store.gram(self.laboratory.names).total.sum()))

    def added(self, direction: Direction) -> Json:
        """λ by validation and the test accuracy of every task, for one direction."""
        lab = self.laboratory
        tolerance = TOLERANCE if direction.basis is None else 0.0
        deciding = self._deciding(direction.seeded) | ({"tolerance": tolerance} if tolerance else {})

        def measure() -> Json:
            started = time.monotonic()
            values = self.workshop.values(direction)
            start = START * self.sum_norm / norm(values)
            with InPlace(lab.model, {"it": values}) as model:
                found = addition(model, {"it": 1.0}, list(lab.tasks.values()), search=grid(start, tolerance))
            lab.say(
                f"{direction.name}, seed {self.group.seed}: λ = {found.choice.scaling:.3g}, {mean(found.values):.1%}"
            )
            return {
                "scaling": found.choice.scaling,
                "tried": found.choice.tried,
                "test": found.values,
                "length": found.choice.scaling * norm(values) / self.sum_norm,
                "facts": self._facts(direction),
                "seconds": time.monotonic() - started,
            }

        return lab.kept.value("addition", measure, direction=asdict(direction), **deciding)

    def negated(self, target: str, kind: str, direction: Direction) -> Json:
        """The curve of a negation and its test accuracies at ≥ 95 % of the other tasks."""
        lab = self.laboratory

        def measure() -> Json:
            started = time.monotonic()
            values = self.workshop.values(direction)
            others = [task for name, task in lab.tasks.items() if name != target]
            base = {name: {"accuracy": value} for name, value in lab.of_checkpoint(lab.base, lab.names).items()}
            with InPlace(lab.model, {"it": values}) as model:
                found = negation(
                    model,
                    {"it": 1.0},
                    lab.tasks[target],
                    others,
                    name=kind,
                    scalings=NEGATED,
                    most_points=9,
                    tested_base=base,
                )
            lab.say(f"−{target}, {kind}, seed {self.group.seed}: λ = {found.chosen.scaling:.3g}")
            return {
                "curve": [asdict(point) for point in found.curve],
                "scaling": found.chosen.scaling,
                "test": {name: dict(metrics)["accuracy"] for name, metrics in found.tested.items()},
                "base": {name: dict(metrics)["accuracy"] for name, metrics in found.tested_base.items()},
                "seconds": time.monotonic() - started,
            }

        deciding = self._deciding(direction.seeded) | {"scalings": NEGATED}
        return lab.kept.value("negation", measure, target=target, direction=asdict(direction), **deciding)

    def recovered(self, basis: BasisOf, target: str, scaling: float) -> Json:
        """Test accuracies of every vector recovered from a basis alone, and of the base without a target's.

        Args:
            basis: Of all tasks.
            target: The task whose recovered vector is taken away.
            scaling: λ by which.
        """
        lab = self.laboratory

        def measure() -> Json:
            started = time.monotonic()
            alone = {}
            for name, task in lab.tasks.items():
                with InPlace(lab.model, {"it": self.workshop.values(Direction(name, name, basis))}) as model:
                    alone[name] = task.test(model.with_coefficients({"it": 1.0}))["accuracy"]
            with InPlace(lab.model, {"it": self.workshop.values(Direction(target, target, basis))}) as model:
                edited = model.with_coefficients({"it": -scaling})
                left = {name: task.test(edited)["accuracy"] for name, task in lab.tasks.items()}
            lab.say(f"{basis.name}, M = {basis.num_atoms}: each alone {mean(alone):.1%}, −{target} {left[target]:.1%}")
            return {"alone": alone, "negated": left, "seconds": time.monotonic() - started}

        deciding = self._deciding(basis.name in SEEDED) | {"target": target, "scaling": scaling}
        found: Json = lab.kept.value("recovered", measure, basis=asdict(basis), **deciding)
        return found

    def split_facts(self, name: str) -> Json:
        """What a decomposition says of itself."""

        def measure() -> Json:
            self.workshop.use_split(name)
            return self.workshop.facts[f"split {name}"]

        deciding = {"vectors": self.group.identity, "rank": self.laboratory.plan.rank, "revision": REVISION}
        found: Json = self.laboratory.kept.value("split", measure, split=name, **deciding)
        return found

    def _facts(self, direction: Direction) -> Json:
        facts = self.workshop.facts
        if direction.basis is not None:
            return facts.get(f"basis {direction.basis.name} {direction.basis.num_atoms}", {})
        return facts.get(f"split {direction.split}", {})

    def _deciding(self, is_seeded: bool) -> Json:
        lab = self.laboratory
        seed = {"seed": self.group.seed} if is_seeded else {}
        search = {"start": START, "ratio": RATIO, "rank": lab.plan.rank}
        return {"vectors": self.group.identity, **search, **seed, **lab.deciding(lab.names)}


def grid(start: float, tolerance: float) -> Grid:
    """Three λ around a start, further while the best lies at an end, and up to where it is clearly worse."""
    most = 10 if tolerance else 14
    return Grid(low=start / RATIO, high=start * RATIO, num_points=3, most_points=most, tolerance=tolerance)


def norm(values: Values) -> float:
    """‖d‖ of a direction."""
    return math.sqrt(sum(float(torch.as_tensor(value).double().square().sum()) for value in values.values()))


def mean(found: Mapping[str, float]) -> float:
    """The plain mean over tasks."""
    return sum(found.values()) / len(found)
