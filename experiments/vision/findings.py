"""What was measured, in the shape in which tables and words want it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from statistics import fmean, stdev
from typing import Any

from experiments.vision.directions import Direction
from experiments.vision.plan import LEARNING_RATE, Plan
from taskvec.results import Input

Json = dict[str, Any]
Accuracies = Mapping[str, float]
SPREAD = "standard deviation over seeds"
_RECOVERED = re.compile(r"(.+), recovered, M = (\d+)")


@dataclass
class Findings:
    """Everything that the experiment found.

    A list of records has one for each seed, in the order of the plan.

    Attributes:
        plan: How much was done.
        base: Task → the base's test accuracy.
        pixels: Task → that of a linear classifier on raw pixels.
        cross: Learning rate → for each seed, fine-tune → task → test accuracy.
        added: Learning rate → direction's name → one record a seed.
        directions: Direction's name → the direction.
        negated: Kind → target → one record a seed.
        recovered: Name of a basis and M → accuracies of its vectors one by one, at the first seed.
        analogies: Script → what was added → one accuracy a seed.
        chain: What the paper's chain found to be shared, one record a seed.
        inputs: What it depends on.
    """

    plan: Plan
    base: Accuracies
    pixels: Accuracies
    cross: dict[float, list[Mapping[str, Accuracies]]] = field(default_factory=dict)
    added: dict[float, dict[str, list[Json]]] = field(default_factory=dict)
    directions: dict[str, Direction] = field(default_factory=dict)
    negated: dict[str, dict[str, list[Json]]] = field(default_factory=dict)
    recovered: dict[tuple[str, int], Json] = field(default_factory=dict)
    analogies: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    chain: list[Json] = field(default_factory=list)
    inputs: Sequence[Input] = ()

    @property
    def names(self) -> list[str]:
        """The tasks' names."""
        return list(self.base)

    @property
    def bases(self) -> list[tuple[str, int]]:
        """The bases that were measured, each with its number of atoms M, by M and in the order in which they were."""
        found = [match.groups() for label in self.added[LEARNING_RATE] if (match := _RECOVERED.fullmatch(label))]
        return sorted(((name, int(num_atoms)) for name, num_atoms in found), key=itemgetter(1))

    def own(self, rate: float) -> list[Accuracies]:
        """For each seed, every fine-tune's accuracy on its own task."""
        return [{name: run[name][name] for name in self.names} for run in self.cross[rate]]

    def tests(self, rate: float, name: str) -> list[Accuracies]:
        """For each seed, the test accuracies of a merge."""
        return [record["test"] for record in self.added[rate][name]]

    def means(self, rate: float, name: str) -> list[float]:
        """For each seed, the mean test accuracy of a merge."""
        return [mean(found) for found in self.tests(rate, name)]

    def normalized(self, rate: float, name: str) -> list[float]:
        """For each seed, the mean over tasks of accuracy ÷ that of the task's own fine-tune."""
        pairs = zip(self.tests(rate, name), self.own(rate), strict=True)
        return [fmean(found[task] / own[task] for task in self.names) for found, own in pairs]

    def gains(self, rate: float, name: str, over: str) -> list[float]:
        """For each seed, the difference of two merges' mean test accuracies."""
        return [one - other for one, other in zip(self.means(rate, name), self.means(rate, over), strict=True)]

    def over_base(self, rate: float, name: str) -> list[float]:
        """For each seed, the difference of a merge's mean test accuracy to the base's."""
        return [found - mean(self.base) for found in self.means(rate, name)]

    def closed(self, rate: float, name: str) -> list[float]:
        """For each seed, the share of the way from the base to the own fine-tunes; none where these are no better."""
        base, owns = mean(self.base), [mean(own) for own in self.own(rate)]
        if min(owns) <= base:
            return []
        return [(found - base) / (own - base) for found, own in zip(self.means(rate, name), owns, strict=True)]

    @property
    def seconds(self) -> dict[str, float]:
        """What was computed → wall-clock seconds when it was, which a cached run does not spend again."""
        added = [r for merges in self.added.values() for records in merges.values() for r in records]
        negated = [r for targets in self.negated.values() for records in targets.values() for r in records]
        every = {"additions": added, "negations": negated, "recovered one by one": self.recovered.values()}
        return {what: sum(record["seconds"] for record in records) for what, records in every.items()}

    def kept(self, rate: float, name: str, full: str = "task arithmetic") -> list[float]:
        """For each seed, the accuracy as a share of full addition's."""
        return [one / other for one, other in zip(self.means(rate, name), self.means(rate, full), strict=True)]


def mean(found: Mapping[str, float]) -> float:
    """The plain mean over tasks."""
    return fmean(found.values())


def percent(values: Sequence[float], *, sign: bool = False) -> str:
    """Mean and spread in per cent, for a sentence."""
    plus = "+" if sign else ""
    text = f"{100 * fmean(values):{plus}.1f}"
    return f"{text} ± {100 * stdev(values):.1f}" if len(values) > 1 else text


def at_control(records: Iterable[Json], kept: float) -> list[float | None]:
    """For each record, the target's accuracy ÷ the base's where its curve first crosses a share of the controls.

    Nothing where the curve ends before: that is not known, and its last point is not it.
    """
    return [_crossing(record["curve"], kept) for record in records]


def _crossing(curve: Sequence[Json], kept: float) -> float | None:
    start = curve[0]["target"]
    for before, after in pairwise(curve):
        if after["control"] <= kept < before["control"]:
            share = (before["control"] - kept) / (before["control"] - after["control"])
            found: float = (before["target"] + share * (after["target"] - before["target"])) / start
            return found
    return None
