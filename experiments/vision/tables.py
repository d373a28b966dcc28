"""The tables of the result."""

from collections.abc import Iterable, Sequence
from itertools import starmap
from statistics import fmean

from experiments.seeds import measured
from experiments.vision.directions import LARGE_RATE_NAMES, merges, sharing
from experiments.vision.findings import SPREAD, Findings, Json, at_control, mean
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
    if found.recovered:
        made.append(one_by_one_table(found))
    if found.analogies:
        made.append(analogies_table(found))
    return tuple(made)


def _fraction(name: str, meaning: str = "") -> Column:
    return Column(name=name, unit="fraction", meaning=meaning)


def _cell(values: Sequence[float | None]) -> Measured | None:
    """Mean and spread over seeds; nothing where a seed has no value."""
    known = [value for value in values if value is not None]
    return measured(known) if known and len(known) == len(values) else None


def _points(values: Sequence[float]) -> Measured | None:
    return _cell([100 * value for value in values])


def merge_names(found: Findings) -> list[str]:
    """The merges and the uses of shared and unique components, in the order of the tables."""
    names = found.names
    return [direction.name for direction in (*merges(names, 0), *sharing(names))]


def models_table(found: Findings) -> Table:
    """One model for all tasks: a row a merge."""
    owns = [mean(own) for own in found.own(LEARNING_RATE)]
    rows: list[tuple[Cell, ...]] = [
        ("raw pixels, a linear classifier", mean(found.pixels), None, None, None),
        ("base", mean(found.base), _cell(_base_ratios(found)), None, None),
        ("single fine-tunes, each on its own task", _cell(owns), 1.0, None, None),
    ]
    rows.extend(
        (
            name,
            _cell(found.means(LEARNING_RATE, name)),
            _cell(found.normalized(LEARNING_RATE, name)),
            None if name == FULL else _points(found.gains(LEARNING_RATE, name, FULL)),
            _cell([record["scaling"] for record in found.added[LEARNING_RATE][name]]),
        )
        for name in merge_names(found)
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


def _base_ratios(found: Findings) -> list[float]:
    return [fmean(found.base[n] / own[n] for n in found.names) for own in found.own(LEARNING_RATE)]


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


def basis_label(name: str, num_atoms: int, what: str = "recovered") -> str:
    """The name under which a basis was measured."""
    return f"{name}, {what}, M = {num_atoms}"


def bases_table(found: Findings) -> Table:
    """Addition from bases: a row a basis."""
    rows: list[tuple[Cell, ...]] = []
    for name, num_atoms in found.bases:
        recovered, atoms = (basis_label(name, num_atoms, what) for what in ("recovered", "atoms"))
        facts = [record["facts"] for record in found.added[LEARNING_RATE][recovered]]
        rows.append(
            (
                f"{name}, M = {num_atoms}",
                _cell(found.means(LEARNING_RATE, recovered)),
                _cell(found.kept(LEARNING_RATE, recovered)),
                _cell(found.closed(LEARNING_RATE, recovered)),
                _cell(found.means(LEARNING_RATE, atoms)),
                _cell([fact["relative_error"] for fact in facts]),
                _cell([fact["sum_error"] for fact in facts]),
                _cell([fact["bytes"] / fact["original_bytes"] for fact in facts]),
            )
        )
    full, closed = _cell(found.means(LEARNING_RATE, FULL)), _cell(found.closed(LEARNING_RATE, FULL))
    rows.append(("all vectors", full, 1.0, closed, None, 0.0, 0.0, 1.0))
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
    rows: list[tuple[Cell, ...]] = [("TIES over all vectors", _cell(found.means(LEARNING_RATE, "TIES")), None)]
    for num_atoms in dict.fromkeys(found.plan.num_atoms(share) for share in found.plan.atoms):
        for way in ("TIES over the recovered vectors", "TIES on the atoms"):
            name = f"{way}, M = {num_atoms}"
            if name in found.added[LEARNING_RATE]:
                gains, means = found.gains(LEARNING_RATE, name, "TIES"), found.means(LEARNING_RATE, name)
                rows.append((name, _cell(means), _points(gains)))
    columns = (
        Column(name="merge"),
        _fraction("accuracy"),
        Column(name="points over TIES over all", unit="number", meaning="difference within each seed"),
    )
    return Table(title="TIES over a basis (spectral)", columns=columns, rows=tuple(rows), spread=SPREAD)


def sharing_table(found: Findings) -> Table:
    """What was found to be shared, by seed."""
    records = found.added[LEARNING_RATE]["shared counted once"]
    rows = tuple(
        (f"{seed}", record["facts"]["dimensions"], fmean(record["facts"]["energy"].values()), chain["dimensions"])
        for seed, record, chain in zip(found.plan.seeds, records, found.chain, strict=True)
    )
    columns = (
        Column(name="seed"),
        Column(name="shared directions", unit="count", meaning="of all matrices together, above the edge of chance"),
        _fraction("shared energy", "mean over tasks of ‖shared‖² / ‖τ‖²"),
        Column(name="by the paper's chain at .85", unit="count", meaning="the same by the published recipe"),
    )
    return Table(title=f"What is shared, rank {found.plan.rank}", columns=columns, rows=rows)


def rates_table(found: Findings) -> Table:
    """Both learning rates side by side."""
    rows: list[tuple[Cell, ...]] = [("base", mean(found.base), 0.0)]
    for rate in (LEARNING_RATE, LARGE_RATE):
        owns = [mean(own) for own in found.own(rate)]
        others = [_others(cross, found.names) for cross in found.cross[rate]]
        rows += [
            (f"{rate:g}, single fine-tunes on their own tasks", _cell(owns), 1.0),
            (f"{rate:g}, single fine-tunes on others' tasks", _cell(others), None),
        ]
        for name in LARGE_RATE_NAMES:
            means, closed = found.means(rate, name), found.closed(rate, name)
            rows.append((f"{rate:g}, {name}", _cell(means), _cell(closed)))
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
    """For each seed, the mean over targets of what a negation left at the chosen λ, as a share of the base's.

    Args:
        found: What was measured.
        kind: What is negated.
        value: ``target``, or ``control`` for the mean over the other tasks.
    """

    def share(target: str, record: Json) -> float:
        test, base = record["test"], record["base"]
        shares = {name: test[name] / base[name] for name in base}
        own = shares.pop(target)
        return own if value == "target" else fmean(shares.values())

    return [fmean(starmap(share, records.items())) for records in _by_seed(found, kind)]


def scalings(found: Findings, kind: str) -> list[float]:
    """For each seed, the mean over targets of the λ that validation chose; 0 where none keeps enough."""
    return [fmean(record["scaling"] for record in records.values()) for records in _by_seed(found, kind)]


def _by_seed(found: Findings, kind: str) -> list[dict[str, Json]]:
    """For each seed, target → what was measured of one negation."""
    targets = found.negated[kind]
    return [dict(zip(targets, each, strict=True)) for each in zip(*targets.values(), strict=True)]


def negation_table(found: Findings) -> Table:
    """Negation at ≥ 95 % of the controls."""
    rows = tuple(
        (
            kind,
            _cell(scalings(found, kind)),
            _cell(over_seeds(found, kind, "target")),
            _cell(over_seeds(found, kind, "control")),
        )
        for kind in found.negated
    )
    columns = (
        Column(name="what is negated"),
        Column(name="λ", unit="number", meaning="mean over targets; 0 counts where no λ keeps enough"),
        _fraction("target left", "test accuracy of the negated task ÷ the base's; less is better"),
        _fraction("controls kept", "mean over the other tasks of test accuracy ÷ the base's"),
    )
    targets = ", ".join(next(iter(found.negated.values())))
    title = f"Negation, the largest λ that keeps 95 % of the controls on validation pictures ({targets})"
    return Table(title=title, columns=columns, rows=rows, spread=SPREAD)


def left_at(found: Findings, kind: str, kept: float) -> list[float] | None:
    """For each seed, the mean over targets of what is left of the target where the controls fall to a share.

    Nothing where a curve ends before the controls have fallen as far.
    """
    per_target = [at_control(records, kept) for records in found.negated[kind].values()]
    if any(value is None for values in per_target for value in values):
        return None
    return [fmean(values) for values in zip(*per_target, strict=True)]  # type: ignore[type-var]


def forgetting_table(found: Findings) -> Table:
    """The curves, read off at the same control accuracies."""
    rows = tuple((kind, *(_cell(left_at(found, kind, kept) or [None]) for kept in RETAINED)) for kind in found.negated)
    ended = "a dash, here and beside it, where a curve was ended before its controls had fallen as far"
    levels = (_fraction(f"at {100 * kept:.0f} %", "" if place else ended) for place, kept in enumerate(RETAINED))
    columns = (Column(name="what is negated"), *levels)
    title = "Target left where the controls fall to a share of the base's, on validation pictures"
    return Table(title=title, columns=columns, rows=rows, spread=SPREAD)


def one_by_one_table(found: Findings) -> Table:
    """Each recovered vector alone, and one of them negated: a row a basis, at the first seed."""
    own = found.own(LEARNING_RATE)[0]
    target, whole = next(iter(found.negated["whole"].items()))
    records = {"all vectors": {"alone": own, "negated": whole[0]["test"]}}
    records |= {f"{name}, M = {num_atoms}": record for (name, num_atoms), record in found.recovered.items()}
    rows = tuple(
        (
            name,
            mean(record["alone"]),
            min(record["alone"][task] / own[task] for task in found.names),
            record["negated"][target] / found.base[target],
            fmean(record["negated"][task] / found.base[task] for task in found.names if task != target),
        )
        for name, record in records.items()
    )
    columns = (
        Column(name="basis"),
        _fraction("alone", "mean accuracy of base + τ̂, each on its own task"),
        _fraction("least share", "the worst of these ÷ that of the task's own fine-tune"),
        _fraction("target left", f"accuracy of base − λ·τ̂ of {target} on {target} ÷ the base's; less is better"),
        _fraction("controls kept", "the same on the other tasks, mean"),
    )
    scaling = whole[0]["scaling"]
    title = f"Vectors recovered from a basis, one by one (negated by the λ of the whole vector, {scaling:g})"
    return Table(title=title, columns=columns, rows=rows)


def analogies_table(found: Findings) -> Table:
    """Glyphs white on black that no vector has seen."""
    names = list(dict.fromkeys(name for rows in found.analogies.values() for name in rows))
    rows: Iterable[tuple[Cell, ...]] = (
        (name, *(_cell(rows[name]) if name in rows else None for rows in found.analogies.values())) for name in names
    )
    scripts = (_fraction(f"{script}, white on black") for script in found.analogies)
    columns = (Column(name="what is added"), *scripts)
    return Table(title="Script × style by analogy", columns=columns, rows=tuple(rows), spread=SPREAD)
