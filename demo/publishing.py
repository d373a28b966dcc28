"""The findings as a result file that `taskvec report` turns into a page."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from demo.evaluation import mean
from demo.result import Findings, Merge
from taskvec.results import (
    Axis,
    Column,
    Control,
    Curves,
    Input,
    Mark,
    Matrix,
    Measured,
    Result,
    Series,
    Table,
    this_machine,
    versions_of,
)

LIBRARIES = ("torch", "transformers", "numpy", "scikit-learn", "onnxruntime")
TITLE = "Eight vision tasks in one model, from half as many atoms"
QUESTION = (
    "Is one checkpoint, the base plus λ times the sum of all task vectors, better than the base on every task, and "
    "does it stay so when the vectors are recovered from half as many atoms?"
)
SPREAD = "one standard error of an accuracy, from the number of test pictures alone (binomial); n is that number"


def publish(findings: Findings, commands: Iterable[str], inputs: Iterable[Input]) -> Result:
    """Everything that was found, as a result.

    Args:
        findings: What the run found.
        commands: Every call of the command line, as it was made.
        inputs: The base and the fine-tunes, by fingerprint.
    """
    found = findings.compression
    return Result(
        name="demo",
        title=TITLE if len(findings.tasks) == 8 else f"{len(findings.tasks)} vision tasks in one model",
        question=QUESTION,
        answer=findings.verdict(),
        recipe="\n".join((findings.all_vectors.expression, f"{findings.from_basis.expression}  # from the atoms")),
        commands=("make demo", *commands),
        date=datetime.now(UTC),
        seeds=(int(findings.settings["seed"]),),  # type: ignore[call-overload]
        inputs=tuple(inputs),
        settings=dict(_flat(findings.settings)),
        versions=versions_of(LIBRARIES),
        machine=this_machine(),
        seconds=findings.seconds,
        tables=(accuracy_table(findings), _tasks_table(findings), _size_table(findings)),
        curves=(_search_curves(findings),),
        matrices=(_cosines(findings),),
        controls=(
            Control(
                name="a linear head on raw pixels",
                expected="well below the base: the tasks need the backbone",
                found=f"mean {100 * mean(findings.pixels):.1f} % against {100 * mean(findings.base):.1f} % of the base",
            ),
            Control(
                name="the base, rebuilt, against its ONNX twin",
                expected="the same outputs",
                found=f"largest absolute difference {findings.onnx_difference:.1e}",
            ),
        ),
        notes=(
            f"{findings.noise()} One seed, one split: differences of a point are noise.",
            f"The atoms keep {100 * (1 - found['relative_error'] ** 2):.0f} % of the task vectors' energy.",
        ),
    )


def accuracy_table(findings: Findings) -> Table:
    """Test accuracies: a row a task, a column a model."""
    models = findings.rows()
    rows = tuple(
        (name, *(_measured(accuracies[name], facts.test) for accuracies in models.values()))
        for name, facts in findings.tasks.items()
    )
    columns = (Column(name="task"), *(Column(name=model, unit="fraction") for model in models))
    return Table(title="Test accuracy", columns=columns, rows=(*rows, _means(findings)), spread=SPREAD, is_drawn=True)


def _measured(accuracy: float, pictures: int) -> Measured:
    return Measured(value=accuracy, spread=_sampling_error(accuracy, pictures), n=pictures)


def _sampling_error(accuracy: float, pictures: int) -> float:
    error: float = (accuracy * (1 - accuracy) / pictures) ** 0.5
    return error


def _means(findings: Findings) -> tuple[str | Measured, ...]:
    cells = []
    for accuracies in findings.rows().values():
        squares = [a * (1 - a) / findings.tasks[name].test for name, a in accuracies.items()]
        cells.append(Measured(value=mean(accuracies), spread=sum(squares) ** 0.5 / len(squares)))
    return ("mean", *cells)


def _tasks_table(findings: Findings) -> Table:
    counts = ("classes", "train", "val", "test")
    columns = (Column(name="task"), Column(name="asks"), *(Column(name=name, unit="count") for name in counts))
    rows = tuple((n, f.title, f.num_classes, f.train, f.val, f.test) for n, f in findings.tasks.items())
    return Table(title="Tasks and their pictures", columns=columns, rows=rows)


def _size_table(findings: Findings) -> Table:
    found, number = findings.compression, "number"
    columns = (
        Column(name="kept as"),
        Column(name="vectors", unit="count"),
        Column(name="size", unit="bytes"),
        Column(name="relative error", unit=number),
        Column(name="least possible", unit=number),
        Column(name="error of the sum", unit=number),
    )
    atoms = (found["num_atoms"], found["bytes"], found["relative_error"], found["optimal_error"], found["sum_error"])
    whole = (len(findings.tasks), found["original_bytes"], 0.0, 0.0, 0.0)
    return Table(title="What the atoms cost and lose", columns=columns, rows=(("models", *whole), ("atoms", *atoms)))


def _search_curves(findings: Findings) -> Curves:
    merges = {"all vectors": findings.all_vectors, "from the atoms": findings.from_basis}
    return Curves(
        title="Choosing λ on validation pictures",
        x=Axis(name="scaling λ", is_log=True),
        y=Axis(name="mean validation accuracy", unit="fraction"),
        series=tuple(_search_series(name, merges[name], findings) for name in merges),
        spread="about one standard error, from the number of validation pictures alone (binomial)",
        marks=(Mark(x=findings.from_basis.search.scaling, name="chosen from the atoms"),),
    )


def _search_series(name: str, merge: Merge, findings: Findings) -> Series:
    """A mean over tasks has about the sampling error of one accuracy over all their pictures together."""
    curve, pictures = merge.search.curve, sum(task.val for task in findings.tasks.values())
    errors = tuple(_sampling_error(accuracy, pictures) for accuracy in curve.values())
    return Series(name=name, x=tuple(map(float, curve)), y=tuple(curve.values()), spread=errors, n=pictures)


def _cosines(findings: Findings) -> Matrix:
    names = tuple(findings.similarity["names"])
    rows = findings.similarity["cosine"]
    off = tuple(tuple(None if r == c else rows[r][c] for c in range(len(names))) for r in range(len(names)))
    return Matrix(
        title="Cosines between task vectors",
        rows=names,
        columns=names,
        row_name="task",
        column_name="task",
        values=off,
        is_signed=True,
    )


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str | int | float]]:
    """Settings with names such as `finetuning.steps`; folders of this machine are left out."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float):
            yield f"{prefix}{name}", value
