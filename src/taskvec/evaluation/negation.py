"""Negating a task vector: as much of the target forgotten as the control tasks allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskvec.errors import EvaluationError
from taskvec.evaluation.in_place import InPlace, moved_along
from taskvec.evaluation.tasks import EvalTask, Metrics, Validation, primary_of, relative, tested
from taskvec.results import Axis, Curves, Series, Unit

SCALINGS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""λ of the curve at first; it goes on in steps of 1.5 while the largest keeps enough of the control."""


@dataclass(frozen=True)
class NegationPoint:
    """One λ on validation data.

    Attributes:
        scaling: λ of θ₀ − λ τ; 0 is the base.
        target: The primary metric of the task that is to be forgotten.
        control: The mean over control tasks of what they keep of the base's metric; 1 at the base.
    """

    scaling: float
    target: float
    control: float


@dataclass(frozen=True)
class Negation:
    """What came of θ₀ − λ Σ cᵢ τᵢ.

    Attributes:
        name: What was negated.
        target: The name of the task to forget.
        keep: The share of the control metric that had to be kept.
        curve: Every λ that was tried, on validation data, in order.
        chosen: The point of the curve that was tested: λ = 0 where nothing kept enough.
        tested: Task → test metrics at the chosen λ, controls too.
        tested_base: The same of the base.
    """

    name: str
    target: str
    keep: float
    curve: tuple[NegationPoint, ...]
    chosen: NegationPoint
    tested: Mapping[str, Metrics]
    tested_base: Mapping[str, Metrics]

    def at_control(self, kept: float) -> float:
        """Return the target's metric where the curve first crosses a share of the control, between points linearly.

        Args:
            kept: The share, such as .95.

        Returns:
            The metric; that of the last point where the curve never falls so low.
        """
        for before, after in zip(self.curve, self.curve[1:], strict=False):
            if after.control < kept <= before.control:
                share = (before.control - kept) / (before.control - after.control)
                return before.target + share * (after.target - before.target)
        return self.curve[-1].target


def negation(
    model: InPlace,
    along: Mapping[str, float],
    target: EvalTask,
    controls: Sequence[EvalTask],
    *,
    name: str = "whole",
    keep: float = 0.95,
    scalings: Sequence[float] = SCALINGS,
    most_points: int = 25,
    tested_base: Mapping[str, Metrics] | None = None,
) -> Negation:
    """Take the largest λ of θ₀ − λ Σ cᵢ τᵢ that keeps enough of the controls on validation data, then test once.

    Source: arXiv 2212.04089, §3: 95 % of the control metric is kept. λ counts as kept only if all smaller ones are.

    Args:
        model: The module and its directions.
        along: Direction → cᵢ.
        target: The task to forget.
        controls: The tasks to keep.
        name: What is negated, in words.
        keep: The share of the base's control metric that must be kept.
        scalings: λ of the curve, ascending.
        most_points: λ at most, when the largest still keeps enough.
        tested_base: The base's test metrics, where they are known already.

    Returns:
        The curve, the chosen λ and the test metrics. The module stays at the chosen λ.

    Raises:
        EvaluationError: If λ do not ascend from above 0.
    """
    if not scalings or any(b <= a for a, b in zip((0.0, *scalings), scalings, strict=False)):
        raise EvaluationError(f"negation: expected ascending λ above 0, found {list(scalings)}")
    tasks = [target, *controls]
    validation = Validation.of(tasks)

    def at(scaling: float) -> dict[str, Metrics]:
        return validation.metrics(moved_along(model, -scaling, along))

    start = at(0.0)
    curve = [NegationPoint(0.0, primary_of(target.name, start[target.name], target.primary), 1.0)]
    waiting = list(scalings)
    while waiting:
        scaling = waiting.pop(0)
        curve.append(_point(scaling, at(scaling), start, target, controls))
        if not waiting and curve[-1].control >= keep and len(curve) < most_points:
            waiting.append(scaling * 1.5)
    chosen = _last_kept(curve, keep)
    if tested_base is None:
        tested_base = tested(model.restore(), tasks)
    edited = moved_along(model, -chosen.scaling, along)
    return Negation(name, target.name, keep, tuple(curve), chosen, tested(edited, tasks), tested_base)


def negation_curves(
    found: Sequence[Negation], title: str = "Forgetting against keeping", unit: Unit = "fraction"
) -> Curves:
    """Draw the target over what is kept of the controls, a line each.

    Args:
        found: Negations of one target.
        title: What stands above.
        unit: Of the target's metric.

    Returns:
        The figure.
    """
    series = tuple(
        Series(name=each.name, x=tuple(p.control for p in each.curve), y=tuple(p.target for p in each.curve))
        for each in found
    )
    x, y = Axis(name="control metric kept", unit="fraction"), Axis(name=f"target: {found[0].target}", unit=unit)
    return Curves(title=title, x=x, y=y, series=series)


def _point(
    scaling: float,
    found: Mapping[str, Metrics],
    start: Mapping[str, Metrics],
    target: EvalTask,
    controls: Sequence[EvalTask],
) -> NegationPoint:
    kept = [
        relative(
            primary_of(task.name, found[task.name], task.primary),
            primary_of(task.name, start[task.name], task.primary),
            higher_is_better=task.higher_is_better,
        )
        for task in controls
    ]
    return NegationPoint(scaling, primary_of(target.name, found[target.name], target.primary), sum(kept) / len(kept))


def _last_kept(curve: Sequence[NegationPoint], keep: float) -> NegationPoint:
    chosen = curve[0]
    for point in curve[1:]:
        if point.control < keep:
            break
        chosen = point
    return chosen
