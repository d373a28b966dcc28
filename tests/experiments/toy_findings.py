"""Findings of the vision experiment that nobody measured, for words, tables and figures of any outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.vision.analogies import SCRIPTS, expressions
from experiments.vision.directions import BASES, LARGE_RATE_NAMES, merges, sharing
from experiments.vision.findings import Findings
from experiments.vision.measuring import KINDS
from experiments.vision.plan import LARGE_RATE, Plan

NAMES = ("mnist", "animals", "latin", "emoji", "badges", "greek", "digits", "cyrillic")
FALLING = ((0.3, 0.8, 0.99), (1.0, 0.6, 0.96), (2.25, 0.3, 0.9), (3.4, 0.2, 0.7))
"""A curve of a negation: λ, the target as a share of the base's, the mean control."""


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        plan: How much was done.
        base: The base's accuracy.
        own: That of fine-tunes on their own tasks.
        merged: Label of an addition → its accuracy at seed 0; task arithmetic's where none is given.
        wander: How much accuracies change from one seed to the next.
        absent: Labels that were not measured.
        curves: Kind → curve of its negations.
    """

    plan: Plan = field(default_factory=Plan)
    base: float = 0.7
    own: float = 0.9
    merged: Mapping[str, float] = field(default_factory=dict)
    wander: float = 0.01
    absent: frozenset[str] = frozenset()
    curves: Mapping[str, tuple[tuple[float, float, float], ...]] = field(default_factory=dict)


def findings(outcome: Outcome) -> Findings:
    """Findings of the shape that measuring gives them."""
    plan = outcome.plan
    names = NAMES[: plan.num_tasks]
    found = Findings(plan, dict.fromkeys(names, outcome.base), dict.fromkeys(names, 0.5))
    for rate in plan.rates:
        for place in range(len(plan.seeds)):
            row = {a: {b: outcome.own if a == b else outcome.base - 0.1 for b in names} for a in names}
            found.cross.setdefault(rate, []).append(row)
            for label in _labels(names, plan, rate):
                if label not in outcome.absent:
                    record = _added(outcome, names, label, place)
                    found.added.setdefault(rate, {}).setdefault(label, []).append(record)
    found.recovered = _recovered(outcome, names)
    for place in range(len(plan.seeds)):
        found.chain.append({"dimensions": place, "energy": {}})
        for kind in KINDS:
            for target in names[: plan.targets]:
                record = _negated(outcome, names, target, kind)
                found.negated.setdefault(kind, {}).setdefault(target, []).append(record)
        for script in SCRIPTS if set(SCRIPTS) <= set(names) else ():
            for what in ("the base", *expressions(script)):
                found.analogies.setdefault(script, {}).setdefault(what, []).append(outcome.base)
    return found


def _labels(names: tuple[str, ...], plan: Plan, rate: float) -> list[str]:
    labels = [direction.label for direction in (*merges(names, 0), *sharing(names))]
    if rate == LARGE_RATE:
        return [label for label in labels if label in LARGE_RATE_NAMES]
    for num_atoms in map(plan.num_atoms, plan.atoms):
        labels += [f"{name}, {what}, M = {num_atoms}" for name in BASES for what in ("recovered", "atoms")]
        labels += [f"TIES {what}, M = {num_atoms}" for what in ("over the recovered vectors", "on the atoms")]
    return labels


def _recovered(outcome: Outcome, names: tuple[str, ...]) -> dict[tuple[str, int], dict[str, Any]]:
    plan = outcome.plan
    negated = dict.fromkeys(names, 0.98 * outcome.base) | {names[0]: 0.9 * outcome.base}
    record = {"alone": dict.fromkeys(names, 0.95 * outcome.own), "negated": negated, "seconds": 0.5}
    return {(name, plan.num_atoms(share)): record for name, share in plan.compared_bases()}


def _added(outcome: Outcome, names: tuple[str, ...], label: str, place: int) -> dict[str, Any]:
    full = outcome.merged.get("task arithmetic", 0.8)
    accuracy = outcome.merged.get(label, full) + outcome.wander * place
    facts = {"relative_error": 0.5, "sum_error": 0.1, "bytes": 1, "original_bytes": 2}
    return {
        "scaling": 0.3,
        "tried": [(0.2, accuracy - 0.05), (0.3, accuracy), (0.45, accuracy - 0.02)],
        "test": dict.fromkeys(names, accuracy),
        "length": 0.3,
        "facts": facts | {"dimensions": 20, "energy": dict.fromkeys(names, 0.3)},
        "seconds": 2.0,
    }


def _negated(outcome: Outcome, names: tuple[str, ...], target: str, kind: str) -> dict[str, Any]:
    curve = outcome.curves.get(kind, FALLING)
    kept = [point for point in ((0.0, 1.0, 1.0), *curve) if point[2] >= 0.95]
    scaling, left, control = kept[-1]
    return {
        "curve": [{"scaling": x, "target": y * outcome.base, "control": c} for x, y, c in ((0.0, 1.0, 1.0), *curve)],
        "scaling": scaling,
        "test": {name: outcome.base * (left if name == target else control) for name in names},
        "base": dict.fromkeys(names, outcome.base),
        "seconds": 1.0,
    }
