"""The tables of the result."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from experiments.seeds import measured
from experiments.vision.directions import merges, sharing
from experiments.vision.findings import SPREAD, Findings, at_control, mean
from experiments.vision.plan import LARGE_RATE, LEARNING_RATE
from taskvec.results import Cell, Column, Measured, Table

FULL = "task arithmetic"
RETAINED = (0.99, 0.97, 0.95, 0.9)


def tables(found: Findings) -> tuple[Table, ...]:
    """All of them."""
    made = [
        models_table(found),
        tasks_table(found),
        bases_table(found),
        combinations_table(found),
        sharing_table(found),
    ]
    if LARGE_RATE in found.added:
        made.append(rates_table(found))
    made += [negation_table(found), forgetting_table(found)]
    if found.analogies:
        made.append(analogies_table(found))
    return tuple(made)


def _fraction(name: str, meaning: str = "") -> Column:
    return Column(name=name, unit="fraction", meaning=meaning)


def merge_names(found: Findings) -> list[str]:
    """The merges and the uses of shared and unique components, in the order of the tables."""
    names = found.names
    return [direction.name for direction in (*merges(names, 0), *sharing(names))]


def models_table(found: Findings) -> Table:
    """One model for all tasks: a row a merge."""
    owns = [mean(own) for own in found.own(LEARNING_RATE)]
    rows: list[tuple[Cell, ...]] = [
        ("raw pixels, a linear classifier", mean(found.pixels), None, None, None),
        ("base", mean(found.base), _measured_ratio(found), None, None),
        ("single fine-tunes, each on its own task", measured(owns), 1.0, None, None),
    ]
    for name in merge_names(found):
        scalings = [record["scaling"] for record in found.added[LEARNING_RATE][name]]
        rows.append(
            (
                name,
                measured(found.means(LEARNING_RATE, name)),
                measured(found.normalized(LEARNING_RATE, name)),
                None if name == FULL else measured([100 * g for g in found.gains(LEARNING_RATE, name, FULL)]),
                measured(scalings),
            )
        )
    columns = (
        Column(name="model"),
        _fraction("accuracy", "mean over tasks, test pictures"),
        _fraction("normalised", "mean over tasks of accuracy ÷ that of the task's own fine-tune"),
        Column(name="points over task arithmetic", unit="number", meaning="difference within each seed"),
        Column(name="λ", unit="number", meaning="chosen on validation pictures"),
    )
    title = f"One model for {len(found.names)} tasks, fine-tuned at {LEARNING_RATE:g}"
    return Table(title=title, columns=columns, rows=tuple(rows), spread=SPREAD)


def _measured_ratio(found: Findings) -> Measured:
    return measured([fmean(found.base[n] / own[n] for n in found.names) for own in found.own(LEARNING_RATE)])


def tasks_table(found: Findings) -> Table:
    """Accuracy task by task, drawn."""
    columns_of = {
        "base": [found.base],
        "own fine-tune": found.own(LEARNING_RATE),
        **{n: found.tests(LEARNING_RATE, n) for n in (FULL, "TIES", "TSV-Merge", "shared counted once")},
    }
    rows = tuple(
        (task, *(measured([accuracies[task] for accuracies in each]) for each in columns_of.values()))
        for task in found.names
    )
    columns = (Column(name="task"), *map(_fraction, columns_of))
    return Table(title="Accuracy by task", columns=columns, rows=rows, spread=SPREAD, is_drawn=True)


def basis_label(found: Findings, name: str, share: float, what: str) -> str:
    """The name under which a basis was measured."""
    return f"{name}, {what}, M = {found.plan.num_atoms(share)}"


def bases_table(found: Findings) -> Table:
    """Addition from bases: a row a basis."""
    rows = []
    for name, share in found.plan.bases_of(found.plan.seeds[0]):
        recovered, atoms = (basis_label(found, name, share, what) for what in ("recovered", "atoms"))
        facts = [record["facts"] for record in found.added[LEARNING_RATE][recovered]]
        rows.append(
            (
                f"{name}, M = {found.plan.num_atoms(share)}",
                measured(found.means(LEARNING_RATE, recovered)),
                measured(found.kept(LEARNING_RATE, recovered)),
                measured(found.closed(LEARNING_RATE, recovered)),
                measured(found.means(LEARNING_RATE, atoms)),
                measured([fact["relative_error"] for fact in facts]),
                measured([fact["sum_error"] for fact in facts]),
                measured([fact["bytes"] / fact["original_bytes"] for fact in facts]),
            )
        )
    full = FULL
    rows.append(
        (
            "all vectors",
            measured(found.means(LEARNING_RATE, full)),
            1.0,
            measured(found.closed(LEARNING_RATE, full)),
            None,
            0.0,
            0.0,
            1.0,
        )
    )
    columns = (
        Column(name="basis"),
        _fraction("recovered", "accuracy of the sum of recovered vectors"),
        _fraction("of full addition", "that, as a share of the accuracy of adding all vectors"),
        _fraction("of the way", "share of the way from the base to the single fine-tunes"),
        _fraction("atoms", "accuracy of the sum of the atoms, which is the addition of the paper's code"),
        Column(name="relative error", unit="number"),
        Column(name="error of the sum", unit="number"),
        _fraction("bytes", "of the fine-tunes' bytes"),
    )
    return Table(title="Addition from a basis", columns=columns, rows=tuple(rows), spread=SPREAD)


def combinations_table(found: Findings) -> Table:
    """Merges over a basis: a row a way and a size."""
    rows = [("TIES over all vectors", measured(found.means(LEARNING_RATE, "TIES")), None)]
    for way in ("TIES over the recovered vectors", "TIES on the atoms"):
        name = f"{way}, M = {found.plan.num_atoms(found.plan.middle)}"
        gain = measured([100 * value for value in found.gains(LEARNING_RATE, name, "TIES")])
        rows.append((name, measured(found.means(LEARNING_RATE, name)), gain))
    columns = (
        Column(name="merge"),
        _fraction("accuracy"),
        Column(name="points over TIES over all", unit="number", meaning="difference within each seed"),
    )
    return Table(title="TIES over a basis (spectral)", columns=columns, rows=tuple(rows), spread=SPREAD)


def sharing_table(found: Findings) -> Table:
    """What was found to be shared, by seed."""
    rows = []
    for seed, chain in zip(found.plan.seeds, found.chain, strict=False):
        record = found.added[LEARNING_RATE]["shared counted once"][found.plan.seeds.index(seed)]
        facts = record["facts"]
        energy = fmean(facts["energy"].values())
        rows.append((f"{seed}", facts["dimensions"], energy, chain["dimensions"]))
    columns = (
        Column(name="seed"),
        Column(name="shared directions", unit="count", meaning="of all matrices together, above the edge of chance"),
        _fraction("shared energy", "mean over tasks of ‖shared‖² / ‖τ‖²"),
        Column(name="by the paper's chain at .85", unit="count", meaning="the same by the published recipe"),
    )
    return Table(title=f"What is shared, rank {found.plan.rank}", columns=columns, rows=tuple(rows))


def rates_table(found: Findings) -> Table:
    """Both learning rates side by side."""
    rows = []
    for rate in (LEARNING_RATE, LARGE_RATE):
        owns = [mean(own) for own in found.own(rate)]
        others = [_others(cross, found.names) for cross in found.cross[rate]]
        rows += [
            (f"{rate:g}, single fine-tunes on their own tasks", measured(owns), 1.0),
            (f"{rate:g}, single fine-tunes on others' tasks", measured(others), None),
        ]
        for name in (FULL, "TIES", "shared counted once"):
            closed = measured(found.closed(rate, name))
            rows.append((f"{rate:g}, {name}", measured(found.means(rate, name)), closed))
    rows.insert(0, ("base", mean(found.base), 0.0))
    columns = (
        Column(name="learning rate and model"),
        _fraction("accuracy"),
        _fraction("of the way", "share of the way from the base to the single fine-tunes"),
    )
    return Table(title="A learning rate five times as large", columns=columns, rows=tuple(rows), spread=SPREAD)


def _others(cross: object, names: Sequence[str]) -> float:
    rows = dict(cross)  # type: ignore[call-overload]
    return fmean(rows[one][other] for one in names for other in names if one != other)


def over_seeds(found: Findings, kind: str, value: str) -> list[float]:
    """For each seed, the mean over targets of what a negation left at the chosen λ, as a share of the base's."""
    records = found.negated[kind]
    result = []
    for seed in range(len(found.plan.seeds)):
        shares = []
        for target, each in records.items():
            test, base = each[seed]["test"], each[seed]["base"]
            others = [name for name in base if name != target]
            controls = fmean(test[name] / base[name] for name in others)
            shares.append(test[target] / base[target] if value == "target" else controls)
        result.append(fmean(shares))
    return result


def negation_table(found: Findings) -> Table:
    """Negation at ≥ 95 % of the controls."""
    rows = tuple(
        (kind, measured(over_seeds(found, kind, "target")), measured(over_seeds(found, kind, "control")))
        for kind in found.negated
    )
    columns = (
        Column(name="what is negated"),
        _fraction("target left", "test accuracy of the negated task ÷ the base's; less is better"),
        _fraction("controls kept", "mean over the other tasks of test accuracy ÷ the base's"),
    )
    targets = ", ".join(next(iter(found.negated.values())))
    title = f"Negation, the largest λ that keeps 95 % of the controls on validation pictures ({targets})"
    return Table(title=title, columns=columns, rows=rows, spread=SPREAD)


def left_at(found: Findings, kind: str, kept: float) -> list[float]:
    """For each seed, the mean over targets of what is left of the target where the controls fall to a share."""
    per_target = [at_control(records, kept) for records in found.negated[kind].values()]
    return [fmean(values) for values in zip(*per_target, strict=True)]


def forgetting_table(found: Findings) -> Table:
    """The curves, read off at the same control accuracies."""
    rows = tuple((kind, *(measured(left_at(found, kind, kept)) for kept in RETAINED)) for kind in found.negated)
    columns = (Column(name="what is negated"), *(_fraction(f"at {100 * kept:.0f} %") for kept in RETAINED))
    title = "Target left where the controls fall to a share of the base's, on validation pictures"
    return Table(title=title, columns=columns, rows=rows, spread=SPREAD)


def analogies_table(found: Findings) -> Table:
    """Glyphs white on black that no vector has seen."""
    names = list(dict.fromkeys(name for rows in found.analogies.values() for name in rows))
    rows: Iterable[tuple[Cell, ...]] = (
        (name, *(measured(rows[name]) if name in rows else None for rows in found.analogies.values())) for name in names
    )
    columns = (Column(name="what is added"), *(_fraction(f"{script}, white on black") for script in found.analogies))
    return Table(title="Script × style by analogy", columns=columns, rows=tuple(rows), spread=SPREAD)
