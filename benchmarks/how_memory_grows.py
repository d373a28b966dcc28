"""How memory grows: what is projected, measured and allowed, for many vectors and for models of odd shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.edits import edit, ties
from benchmarks.families import Family
from benchmarks.measuring import Contender, Run, measure
from benchmarks.pictures import FLOOR, OURS, Axis, Bar, lying_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.stores import Stores
from benchmarks.tables import Column, Table, Unit
from taskvec.reports import Chart

TITLE = "Does memory stay within what is allowed, whatever is asked?"
OPEN_FILES = 1024
"""What a process may usually hold open."""
RATIO = 1.5
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """One command on one family.

    Attributes:
        label: In the tables.
        num_tasks: T.
        input_bytes: Of all models.
        projected_bytes: What ``--dry-run`` says.
        allowed_bytes: What it may be at most.
        run: What was measured.
    """

    label: str
    num_tasks: int
    input_bytes: int
    projected_bytes: int
    allowed_bytes: int
    run: Run

    @property
    def ratio(self) -> float:
        """Projected ÷ measured."""
        return self.projected_bytes / self.run.peak_bytes


def ask(setting: Setting) -> Answer:
    """Edit, merge, compare and compress; first plan each, then do it."""
    cases = _many(setting) + _odd(setting)
    return Answer(
        setup="Each command with its default limit of 1 GiB, first with `--dry-run`, then measured: the peak of the "
        "whole process as the operating system counts it, pages of files included. T task vectors of a small model, "
        "and models of one large tensor, of very many tiny ones, and in very many files.",
        tables=(_table(cases),),
        targets=tuple(_targets(cases)),
        notes=(),
        runs={case.label: (case.run,) for case in cases},
    )


def chart(answer: Answer) -> Chart:
    """Two bars a case, and the limit."""
    rows = answer.tables[0].rows
    bars = [
        Bar(str(row[0]), row[column] / MEBIBYTE, colour, kind)  # type: ignore[operator]
        for row in rows
        for column, colour, kind in ((3, FLOOR, "projected"), (4, OURS, "measured"))
    ]
    allowed = rows[0][5] / MEBIBYTE  # type: ignore[operator]
    title = "Memory projected before the run and measured in it"
    return lying_bars(title, Axis("MiB, whole process", (0, None)), bars, ("allowed", allowed))


def _many(setting: Setting) -> list[Case]:
    counts = setting.scale.counts
    family = setting.family(setting.scale.many, max(counts) + 1)
    cases: list[Case] = []
    for count in counts:
        some = family.first(count + 1)
        stores = Stores(setting, some)
        edited = edit(setting, some.first(count), f"edit, T = {count}")
        merged = ties(setting, some.first(count), f"TIES, T = {count}")
        cases += [_case(setting, one, some.first(count)) for one in (edited, merged, *_over(stores, count))]
    return cases


def _over(stores: Stores, count: int) -> tuple[Contender, Contender]:
    compressed = stores.compress(count // 2, f"compress, T = {count}", gram_known=False)
    return stores.similarity(f"similarity, T = {count}"), compressed


def _odd(setting: Setting) -> list[Case]:
    scale = setting.scale
    odd = {
        f"edit, one tensor of {scale.large_tensor.num_bytes / 1e9:g} GB": (scale.large_tensor, 2),
        f"edit, {len(scale.tiny_tensors.shapes):,} tiny tensors": (scale.tiny_tensors, 4),
        f"edit, {scale.shards.num_shards} files a model": (scale.shards, 4),
    }
    families = {label: setting.family(layout, count) for label, (layout, count) in odd.items()}
    cases = [_case(setting, edit(setting, family, label), family) for label, family in families.items()]
    label, large = next(iter(families.items()))
    return [*cases, _case(setting, ties(setting, large, label.replace("edit", "TIES")), large)]


def _case(setting: Setting, contender: Contender, family: Family) -> Case:
    dry = Contender(contender.label, [*contender.command, "--dry-run", "--json"], contender.prepare)
    plan = json.loads(measure(dry).stdout)["plan"]
    run = measure(contender).run
    setting.say(f"{contender.label}: {run.peak_bytes / MEBIBYTE:.0f} MiB")
    size = family.layout.num_bytes * len(family.folders)
    return Case(contender.label, len(family.finetuned), size, plan["projected_bytes"], plan["allowed_bytes"], run)


def _table(cases: Sequence[Case]) -> Table:
    columns = (
        Column("command"),
        Column("T", Unit.COUNT),
        Column("inputs", Unit.BYTES),
        Column("projected", Unit.BYTES),
        Column("measured", Unit.BYTES),
        Column("allowed", Unit.BYTES),
        Column("projected ÷ measured", Unit.RATIO),
        Column("open files", Unit.COUNT),
        Column("seconds", Unit.SECONDS),
    )
    return Table("Peak memory", columns, tuple(_row(case) for case in cases))


def _row(case: Case) -> tuple[str, int, int, int, int, int, float, int, float]:
    size, run = case.input_bytes, case.run
    memory = (case.projected_bytes, run.peak_bytes, case.allowed_bytes, case.ratio)
    return (case.label, case.num_tasks, size, *memory, run.open_files, run.seconds)


def _targets(cases: Sequence[Case]) -> list[Target]:
    largest = max(cases, key=lambda case: case.run.peak_bytes)
    least, most = (choose(cases, key=lambda case: case.ratio) for choose in (min, max))
    files = max(cases, key=lambda case: case.run.open_files)
    limit = largest.allowed_bytes
    return [
        Target(f"Within what is allowed (worst: {largest.label})", largest.run.peak_bytes, limit, Unit.BYTES),
        Target(f"Projected ÷ measured, no less (worst: {least.label})", least.ratio, 1.0, Unit.RATIO, at_least=True),
        Target(f"Projected ÷ measured, no more (worst: {most.label})", most.ratio, RATIO, Unit.RATIO),
        Target(f"Open files (worst: {files.label})", files.run.open_files, OPEN_FILES, Unit.COUNT),
    ]
