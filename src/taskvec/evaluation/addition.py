"""Adding task vectors, and analogies: λ by validation, then every task's test data once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taskvec.evaluation.in_place import InPlace, moved_along
from taskvec.evaluation.scaling import Grid, Search, choose_scaling
from taskvec.evaluation.tasks import EvalTask, Metrics, Validation, primary_of, relative, tested
from taskvec.linalg.search import ScalingChoice
from taskvec.results import Axis, Cell, Column, Curves, Mark, Series, Table, Unit


@dataclass(frozen=True)
class Addition:
    """What came of θ₀ + λ Σ cᵢ τᵢ.

    Attributes:
        name: What was added.
        choice: λ, its validation score, and everything that was tried.
        tested: Task → its test metrics at λ.
        primary: Task → the metric that counts.
        higher_is_better: Task → whether more of it is better.
        references: Task → the test value that counts as 1, such as that of its own fine-tune.
    """

    name: str
    choice: ScalingChoice
    tested: Mapping[str, Metrics]
    primary: Mapping[str, str]
    higher_is_better: Mapping[str, bool]
    references: Mapping[str, float]

    @property
    def values(self) -> dict[str, float]:
        """Task → its primary test metric."""
        return {task: primary_of(task, metrics, self.primary[task]) for task, metrics in self.tested.items()}

    @property
    def normalized(self) -> dict[str, float]:
        """Task → how much of its reference is kept (arXiv 2212.04089: accuracy ÷ that of the task's fine-tune)."""
        return {
            task: relative(value, self.references[task], higher_is_better=self.higher_is_better[task])
            for task, value in self.values.items()
            if task in self.references
        }

    def curves(self) -> Curves:
        """The validation score at every λ that was tried."""
        return scaling_curves({self.name: self.choice})


def addition(
    model: InPlace,
    along: Mapping[str, float],
    tasks: Sequence[EvalTask],
    *,
    name: str = "sum",
    search: Search = Grid(),  # noqa: B008
    references: Mapping[str, float] | None = None,
    normalize_by: Mapping[str, float] | None = None,
) -> Addition:
    """Choose λ of θ₀ + λ Σ cᵢ τᵢ by the mean validation score, then test once.

    Args:
        model: The module and its directions.
        along: Direction → cᵢ.
        tasks: What to measure.
        name: What is added, in words.
        search: How to look for λ.
        references: Task → the test value that counts as 1.
        normalize_by: Task → the validation value that counts as 1 in the search; plain metrics if not given.

    Returns:
        λ and the test metrics. The module stays at λ.
    """
    choice = choose_scaling(Validation.of(tasks, normalize_by), lambda x: moved_along(model, x, along), search)
    edited = moved_along(model, choice.scaling, along)
    return Addition(
        name,
        choice,
        tested(edited, tasks),
        {task.name: task.primary for task in tasks},
        {task.name: task.higher_is_better for task in tasks},
        dict(references or {}),
    )


def analogy(
    model: InPlace,
    *,
    of: str,
    to: str,
    like: str,
    task: EvalTask,
    search: Search = Grid(),  # noqa: B008
    references: Mapping[str, float] | None = None,
) -> Addition:
    """Reach a task without its data by θ₀ + λ (τ_like + τ_to − τ_of): as ``to`` is to ``of``, it is to ``like``.

    Source: arXiv 2212.04089, §5.

    Args:
        model: The module and its directions.
        of: The first direction.
        to: What it is to.
        like: The direction from which the task is as far as ``to`` from ``of``.
        task: The task that is looked for.
        search: How to look for λ.
        references: Task → the test value that counts as 1.

    Returns:
        λ and the test metrics of the task.
    """
    along = dict.fromkeys((like, to, of), 0.0)
    for direction, coefficient in ((like, 1.0), (to, 1.0), (of, -1.0)):
        along[direction] += coefficient  # a direction may have two parts
    return addition(model, along, [task], name=f"{like} + {to} − {of}", search=search, references=references)


def addition_table(found: Iterable[Addition], title: str, unit: Unit = "fraction") -> Table:
    """Put additions side by side: a row each, a column a task, and the mean.

    Args:
        found: Over the same tasks.
        title: What stands above.
        unit: Of the primary metrics.

    Returns:
        The table.
    """
    rows: list[tuple[Cell, ...]] = []
    tasks: list[str] = []
    for each in found:
        tasks = list(each.values)
        rows.append((each.name, each.choice.scaling, *each.values.values(), sum(each.values.values()) / len(tasks)))
    columns = (Column(name="model"), Column(name="λ", unit="number"), *(Column(name=t, unit=unit) for t in tasks))
    return Table(title=title, columns=(*columns, Column(name="mean", unit=unit)), rows=tuple(rows))


def scaling_curves(
    choices: Mapping[str, ScalingChoice], title: str = "Choosing λ on validation data", unit: Unit = "fraction"
) -> Curves:
    """Draw what searches tried.

    Args:
        choices: Name → the search.
        title: What stands above.
        unit: Of the scores.

    Returns:
        One line a search; its best is marked where there is one line only.
    """
    series = tuple(
        Series(name=name, x=tuple(x for x, _ in choice.tried), y=tuple(y for _, y in choice.tried))
        for name, choice in choices.items()
    )
    marks = tuple(Mark(x=choice.scaling, name="chosen") for choice in choices.values()) if len(choices) == 1 else ()
    is_log = all(x > 0 for line in series for x in line.x)
    y = Axis(name="validation score", unit=unit)
    return Curves(title=title, x=Axis(name="scaling λ", is_log=is_log), y=y, series=series, marks=marks)
