"""What a task is to an evaluation: two callables from a loaded model to metrics, one of them for validation alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from taskvec.errors import EvaluationError

if TYPE_CHECKING:
    from torch.nn import Module

Metrics = Mapping[str, float]
"""Name of a metric → its value."""

Measure = Callable[["Module"], Metrics]
"""From a loaded model to metrics; it must leave the model's weights as they are."""


class EvalTask(Protocol):
    """A task that models are measured on.

    Attributes:
        name: Its name in results.
        primary: The metric that is optimised, and that results show first.
        higher_is_better: Whether a larger primary metric is better; false for a perplexity.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def primary(self) -> str: ...  # noqa: D102

    @property
    def higher_is_better(self) -> bool: ...  # noqa: D102

    def validate(self, model: Module, /) -> Metrics:
        """Measure on validation data, as often as a search asks."""

    def test(self, model: Module, /) -> Metrics:
        """Measure on test data, once a result."""


@dataclass(frozen=True)
class SimpleTask:
    """A task of two callables.

    Attributes:
        name: Its name in results.
        validate: Measures on validation data.
        test: Measures on test data.
        primary: The metric that is optimised.
        higher_is_better: Whether more of it is better.
    """

    name: str
    validate: Measure
    test: Measure
    primary: str = "accuracy"
    higher_is_better: bool = True


@dataclass(frozen=True)
class Validation:
    """What a coefficient may be chosen by: validation measurements, and nothing from which test data can be reached.

    The score of a model is the mean over tasks of the primary metric, its sign turned where less is better. With
    references it is the mean of metric ÷ reference (or reference ÷ metric), so that tasks on unlike scales count alike.

    Attributes:
        measures: Task → its validation measurement.
        primary: Task → the metric that counts.
        higher_is_better: Task → whether more of it is better.
        references: Task → the value that counts as 1, such as that of the task's own fine-tune; or none at all.
    """

    measures: Mapping[str, Measure]
    primary: Mapping[str, str]
    higher_is_better: Mapping[str, bool]
    references: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, tasks: Iterable[EvalTask], references: Mapping[str, float] | None = None) -> Validation:
        """Take the validation half of some tasks.

        Args:
            tasks: The tasks, with names of their own.
            references: Task → the value that counts as 1; for all tasks or for none.

        Returns:
            The validation.

        Raises:
            EvaluationError: If two tasks share a name, or a reference is missing.
        """
        known = list(tasks)
        names = [task.name for task in known]
        if not names or len(set(names)) < len(names):
            raise EvaluationError(f"validation: expected tasks with names of their own, found {names}; rename one")
        if references and (missing := [name for name in names if name not in references]):
            raise EvaluationError(f"validation: no reference for {missing}; give one for every task, or none")
        return cls(
            {task.name: _only_validation(task) for task in known},
            {task.name: task.primary for task in known},
            {task.name: task.higher_is_better for task in known},
            dict(references or {}),
        )

    def metrics(self, model: Module) -> dict[str, Metrics]:
        """Measure a model on every task's validation data."""
        return {name: measure(model) for name, measure in self.measures.items()}

    def score(self, model: Module) -> float:
        """Measure a model in one number; larger is better."""
        return self.score_of(self.metrics(model))

    def score_of(self, metrics: Mapping[str, Metrics]) -> float:
        """Return the number for metrics that were measured before."""
        gains = [self._gain(name, metrics[name]) for name in self.measures]
        return sum(gains) / len(gains)

    def _gain(self, name: str, metrics: Metrics) -> float:
        value = primary_of(name, metrics, self.primary[name])
        if not self.references:
            return value if self.higher_is_better[name] else -value
        return relative(value, self.references[name], higher_is_better=self.higher_is_better[name])


def tested(model: Module, tasks: Iterable[EvalTask]) -> dict[str, Metrics]:
    """Measure a model on every task's test data."""
    return {task.name: dict(task.test(model)) for task in tasks}


def relative(value: float, reference: float, *, higher_is_better: bool) -> float:
    """Return how much of a reference a metric keeps: value ÷ reference, or its inverse where less is better."""
    over, under = (value, reference) if higher_is_better else (reference, value)
    return over / under if under else float("nan")


def primary_of(name: str, metrics: Metrics, primary: str) -> float:
    """Return the metric that counts.

    Raises:
        EvaluationError: If it was not measured.
    """
    if primary not in metrics:
        raise EvaluationError(f"task {name}: its metric {primary!r} was not measured, only {sorted(metrics)}")
    return metrics[primary]


def _only_validation(task: EvalTask) -> Measure:
    def validate(model: Module) -> Metrics:
        return task.validate(model)

    return validate
