"""What was found, as a result: tables, curves, and words that are made of the numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import fmean

from experiments.repository import drawing
from experiments.repository.findings import Findings
from experiments.repository.growth import SHARES
from experiments.repository.newcomers import Asked
from experiments.repository.scale import Scale
from experiments.repository.summary import accuracy_of, asked_of, kept_gain, of_sort, recovered_accuracy
from experiments.seeds import SECONDS, measured
from experiments.setting import Setting
from taskvec.results import Cell, Column, Control, Result, Table, this_machine, versions_of

LIBRARIES = ("taskvec", "torch", "numpy", "scikit-learn", "scipy")
SPREAD = "standard deviation over seeds: every task fine-tuned anew, other halves and draws of tasks"
QUESTION = (
    "How do error, bytes and time grow with the number T of task vectors that are kept together? Do vectors of similar "
    "tasks point the same way? Does a basis that was built on some tasks serve others that came later?"
)


def tell(found: Findings, setting: Setting, scale: Scale) -> Result:
    """Everything that was found, as a result.

    Args:
        found: What was measured.
        setting: The run.
        scale: How much was done.
    """
    return Result(
        name="repository",
        title=f"A repository of {len(found.tasks)} task vectors",
        question=QUESTION,
        answer=" ".join((_of_growth(found, scale), _of_families(found), _of_newcomers(found))),
        commands=(setting.command("repository"),),
        date=datetime.now(UTC),
        seeds=setting.seeds,
        inputs=found.inputs,
        settings={
            "tasks": len(found.tasks), "base steps": scale.base.steps, "steps a task": scale.task.steps,
            "learning rate": scale.task.learning_rate, "precision": scale.task.precision,
        },
        versions=versions_of(LIBRARIES),
        machine=this_machine(),
        seconds=dict(setting.seconds),
        tables=(_growth(found, scale), _accuracies(found, scale), _families(found), _newcomers(found)),
        curves=drawing.curves(found, scale.sizes),
        matrices=(drawing.cosines(found, {task.name: task.source for task in scale.tasks}),),
        controls=_controls(found, scale),
        notes=_notes(scale),
    )  # fmt: skip


def _growth(found: Findings, scale: Scale) -> Table:
    columns = [Column(name="T", unit="text"), Column(name="models", unit="bytes")]
    columns += [Column(name=f"error at M = {share:g} T", unit="number") for share in SHARES]
    columns += [Column(name="atoms at T / 2", unit="bytes")]
    columns += [Column(name=name, unit="seconds") for name in ("add", "inner products", "compress to T / 2")]
    rows = []
    for index, size in enumerate(scale.sizes):
        each = [grown[index] for grown in found.growth]
        errors = [measured([grown["bases"][place]["error"] for grown in each]) for place in range(len(SHARES))]
        times = (
            [grown["add"] for grown in each],
            [grown["gram"] for grown in each],
            [grown["bases"][1]["seconds"] for grown in each],
        )
        sizes = (each[0]["bytes"], each[0]["bases"][1]["bytes"])
        rows.append((str(size), sizes[0], *errors, sizes[1], *(measured(seconds) for seconds in times)))
    return Table(title="What T task vectors cost", columns=tuple(columns), rows=tuple(rows), spread=SPREAD)


def _accuracies(found: Findings, scale: Scale) -> Table:
    columns = (
        Column(name="vectors from"),
        Column(name="test accuracy", unit="fraction", meaning="mean over tasks, each vector alone on its own task"),
        Column(name="gain kept", unit="fraction", meaning="of the fine-tunes' gain over the base"),
        Column(name="relative error", unit="number", meaning="mean over tasks"),
    )
    rows: list[tuple[Cell, ...]] = [("none: the base", measured(accuracy_of(found, "base")), 0.0, None)]
    for index, count in enumerate(scale.judged):
        errors = [fmean(recovered[index]["error"].values()) for recovered in found.recovered]
        kept = measured(kept_gain(found, index))
        rows.append((f"{count} atoms", measured(recovered_accuracy(found, index)), kept, measured(errors)))
    rows.append(("the fine-tunes", measured(accuracy_of(found, "finetuned")), 1.0, 0.0))
    title = f"What vectors recovered from atoms of all {len(found.tasks)} still do"
    return Table(title=title, columns=columns, rows=tuple(rows), spread=SPREAD)


_FAMILY_COLUMNS = {
    "cut": (
        "index of the tree",
        "adjusted Rand index of average linkage, cut into as many groups; 0 is chance, 1 perfect",
    ),
    "chance": ("index by chance", "its 95th percentile when families are dealt at random"),
    "own_cut": ("index, own cut", "of the groups that `taskvec store report` shows, cut where they stand apart most"),
    "neighbour": ("nearest is family", "share of tasks whose nearest neighbour is of their family"),
    "neighbour_chance": ("by chance", "the same for a neighbour drawn at random"),
    "within": ("cosine within", "mean over pairs of one family"),
    "between": ("cosine between", "mean over other pairs"),
}


def _families(found: Findings) -> Table:
    columns = [Column(name="family")]
    for field, (name, meaning) in _FAMILY_COLUMNS.items():
        unit = "fraction" if field.startswith("neighbour") else "number"
        columns.append(Column(name=name, unit=unit, meaning=meaning))  # type: ignore[arg-type]
    rows = tuple(
        (name, *(measured([each["partitions"][name][field] for each in found.likeness]) for field in _FAMILY_COLUMNS))
        for name in found.likeness[0]["partitions"]
    )
    return Table(title="Are families found by direction alone?", columns=tuple(columns), rows=rows, spread=SPREAD)


def _newcomers(found: Findings) -> Table:
    columns = (
        Column(name="basis"),
        Column(name="error, members", unit="number", meaning="of the tasks that the basis was built on"),
        Column(name="error, known", unit="number", meaning="of new tasks of sources that have members"),
        Column(name="error, foreign", unit="number", meaning="of new tasks of sources that have none"),
        Column(name="gain kept, known", unit="fraction", meaning="share of the fine-tunes' gain in test accuracy"),
        Column(name="gain kept, foreign", unit="fraction"),
    )
    return Table(
        title="New tasks on a basis of others",
        columns=columns,
        rows=tuple(_newcomer_row(found, asked) for asked in asked_of(found)),
        spread=f"{SPREAD}; each seed is the mean of divisions that leave every source out once",
    )


def _newcomer_row(found: Findings, asked: Asked) -> tuple[Cell, ...]:
    members, known, foreign = (of_sort(found, asked, sort) for sort in ("members", "known", "foreign"))
    kept = [measured(sort.kept) if sort.accuracy else None for sort in (known, foreign)]
    what = "random atoms" if asked.method == "random" else "atoms"
    return (f"{asked.num_atoms} {what}", *(measured(sort.error) for sort in (members, known, foreign)), *kept)


def _of_growth(found: Findings, scale: Scale) -> str:
    first, last = (_half(found, index) for index in (1, -1))
    half = min(range(len(scale.judged)), key=lambda index: abs(2 * scale.judged[index] - scale.sizes[-1]))
    kept = measured(kept_gain(found, half)).value
    alike = "little" if last[0] > _ALIKE * last[1] else "much"
    more = "help" if first[0] - last[0] > _HELPS else "help little"
    matters = "less" if kept > 1 - last[0] else "no less"
    return (
        f"Bytes grow with M alone. Half as many atoms as vectors leave a relative error of {first[0]:.2f} at T = "
        f"{scale.sizes[1]} and {last[0]:.2f} at T = {scale.sizes[-1]}, where orthogonal vectors of the same norms "
        f"would leave {last[1]:.2f}: short fine-tunes have {alike} in common, and more of them {more}. What is "
        f"lost matters {matters} to accuracy: from {scale.judged[half]} atoms each vector keeps {100 * kept:.0f} % of "
        "its fine-tune's gain over the base."
    )


_ALIKE = 0.8  # of the error of orthogonal vectors, above which vectors are said to have little in common
_HELPS = 0.1  # less error, from which more vectors are said to help


def _half(found: Findings, index: int) -> tuple[float, float]:
    """The error from half as many atoms as vectors, and that of orthogonal vectors of the same norms."""
    each = [grown[index] for grown in found.growth]
    orthogonal = [grown["orthogonal"][grown["bases"][1]["num_atoms"] - 1] for grown in each]
    return fmean(grown["bases"][1]["error"] for grown in each), fmean(orthogonal)


def _of_families(found: Findings) -> str:
    means = {
        name: {field: fmean(each["partitions"][name][field] for each in found.likeness) for field in _FAMILY_COLUMNS}
        for name in found.likeness[0]["partitions"]
    }
    seen = [name for name, mean in means.items() if mean["cut"] > mean["chance"]]
    unseen = [name for name in means if name not in seen]
    source = means["source"]
    said = "; ".join(f"{name} {means[name]['cut']:.2f} (chance {means[name]['chance']:.2f})" for name in seen)
    rest = f", but not by {' or '.join(unseen)}" if unseen else ""
    return (
        f"A tree of cosines puts tasks together by {said or 'no family'}{rest}; cosines within a source are "
        f"{source['within']:.3f} and {source['between']:.3f} between sources, so that "
        f"{100 * source['neighbour']:.0f} % of the nearest neighbours are of one source."
    )


def _of_newcomers(found: Findings) -> str:
    asked = asked_of(found)
    made, random = (next(one for one in asked if one.method == method) for method in ("spectral", "random"))
    known, foreign = (of_sort(found, made, sort) for sort in ("known", "foreign"))
    control = of_sort(found, random, "known")
    members = of_sort(found, made, "members")
    is_served = fmean(known.error) < _SERVED
    return (
        f"A basis of others serves new tasks {'in part' if is_served else 'badly'}: {made.num_atoms} atoms leave an "
        f"error of {fmean(members.error):.2f} on the tasks that they were built on, {fmean(known.error):.2f} on new "
        f"tasks of the same sources and {fmean(foreign.error):.2f} on those of other sources (random atoms: "
        f"{fmean(control.error):.3f}); {100 * fmean(known.kept):.0f} % and {100 * fmean(foreign.kept):.0f} % of the "
        "gain in accuracy are kept."
    )


_SERVED = 0.7  # an error up to which new tasks are said to be served


def _controls(found: Findings, scale: Scale) -> tuple[Control, ...]:
    random = next(asked for asked in asked_of(found) if asked.method == "random")
    sorts = {sort: of_sort(found, random, sort) for sort in ("known", "foreign")}
    half, orthogonal = _half(found, -1)
    kind = fmean(each["partitions"]["kind"]["cut"] for each in found.likeness)
    return (
        Control(
            name="Random atoms",
            expected="an error near 1, if atoms hold what tasks share",
            found=" and ".join(f"{fmean(sort.error):.3f} for {name} tasks" for name, sort in sorts.items()),
        ),
        Control(
            name="Orthogonal vectors of the same norms",
            expected=f"a larger error at M = T/2 and T = {scale.sizes[-1]}, if vectors share directions",
            found=f"{orthogonal:.3f} against {half:.3f}",
        ),
        Control(
            name="Families that cut across sources (the kind of task)",
            expected="an index near 0, if directions follow the pictures and not the way tasks are made",
            found=f"{kind:.2f}",
        ),
    )


_FAMILIES_NOTE = (
    "Families: source, one of the demo's eight sources of pictures; field, handwriting, letters or drawings; kind, "
    "how the task was made (half of the pictures, half of the classes, classes by parity or by their rest of three, "
    "turned, mirrored, negative, noisy); look, whether pictures are changed."
)
_BASE_NOTE = (
    "The base learned to tell all classes of all sources apart, so that foreign tasks are foreign to a basis, not to "
    "the base. Heads are fitted to the base's features and do not move."
)


def _notes(scale: Scale) -> tuple[str, ...]:
    size = (
        f"The network has 0.2 million parameters and each task {scale.task.steps} steps: short fine-tunes from one "
        "base, cheap enough to have many. Seconds were taken while other programs ran, and the first "
        "include what is done once; those of benchmarks/RESULTS.md were measured in quiet."
    )
    return (_FAMILIES_NOTE, _BASE_NOTE, size, SECONDS)
