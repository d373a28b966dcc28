"""How far it scales: more and more task vectors of one model, and models of more than a billion weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.families import make_family
from benchmarks.lines import DEVIATION, Line, fit
from benchmarks.measuring import Contender, Run, measure, median_seconds, peak
from benchmarks.pictures import Axis, Trace, traces
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting, taskvec
from benchmarks.stores import Stores
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.reports import Chart

TITLE = "How far does it scale?"
REPEATS = 3
MATRIX, ATOMS, JOINED = "Gram matrix", "atoms", "atoms of some"


@dataclass(frozen=True, slots=True)
class Case:
    """One command.

    Attributes:
        label: What was done.
        count: T.
        allowed_bytes: What the process may hold.
        projected_bytes: What ``--dry-run`` says.
        runs: What was measured.
    """

    label: str
    count: int
    allowed_bytes: int
    projected_bytes: int
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        """The middle wall time."""
        return median_seconds(self.runs)

    @property
    def peak_bytes(self) -> int:
        """The most memory that any run held."""
        return peak(self.runs)


def ask(setting: Setting) -> Answer:
    """Compress more and more vectors to half as many atoms; then do everything once with large models."""
    many, joined = list(_collections(setting)), list(_joined(setting))
    large = list(_large(setting))
    worst = max([*many, *joined, *large], key=lambda case: case.peak_bytes / case.allowed_bytes)
    collection, billions = setting.scale.collection, setting.scale.billions
    line = fit([case.count for case in joined], [case.seconds for case in joined])
    fitted = setting.scale.fitted
    return Answer(
        setup=f"Fine-tunes of {collection.num_params:,} weights compressed to half as many atoms: the Gram matrix, and "
        f"the atoms when it is known; {JOINED}: {fitted // 2} atoms made from {fitted} of them, the others projected, "
        f"all in one command; then a base and two fine-tunes of {billions.num_params:,} weights, made for "
        "this and removed, each command once. bfloat16, the limit of 1 GiB, whole processes, files in the page cache; "
        f"seconds of collections are the middle of {REPEATS}.",
        tables=(_growth([*many, *joined]), _sizes(f"{billions.num_params / 1e9:.2g} billion weights", large)),
        targets=(
            Target(f"Within --memory (worst: {worst.label}, T = {worst.count})", worst.peak_bytes,
                   worst.allowed_bytes, Unit.BYTES),
            Target(f"{JOINED}: largest deviation from a straight line", line.worst, DEVIATION, Unit.FRACTION),
        ),
        notes=(
            *(growth(label, many) for label in (MATRIX, ATOMS) if len({case.count for case in many}) > 2),
            straight(line, fitted),
        ),
        runs={f"{case.label}, T = {case.count}": case.runs for case in [*many, *joined, *large]},
    )  # fmt: skip


def chart(answer: Answer) -> Chart:
    """Seconds over T, with the slopes of T and T²."""
    rows = answer.tables[0].rows
    drawn = [Trace(label, [(row[1], row[2]) for row in rows if row[0] == label]) for label in (MATRIX, ATOMS, JOINED)]  # type: ignore[misc]
    below, beside = Axis("task vectors", base=2, form=",d"), Axis("seconds, whole process", base=2, form=".3~g")
    return traces("Time over the number of task vectors", below, beside, drawn)


def _collections(setting: Setting) -> Iterator[Case]:
    counts = setting.scale.collections
    family = setting.family(setting.scale.collection, max(*counts, *setting.scale.joined) + 1)
    for count in counts:
        stores = Stores(setting, family.first(count + 1), f"-{count}")
        repeats = min(REPEATS, setting.scale.repeats)
        yield _case(setting, stores.similarity(MATRIX), count, repeats)
        yield _case(setting, stores.compress(count // 2, ATOMS, gram_known=True), count, repeats)


def _joined(setting: Setting) -> Iterator[Case]:
    counts, fitted = setting.scale.joined, setting.scale.fitted
    family = setting.family(setting.scale.collection, max(*setting.scale.collections, *counts) + 1)
    for count in counts:
        stores = Stores(setting, family.first(count + 1), f"-joined-{count}")
        yield _case(setting, stores.fit_on(fitted, JOINED), count, min(REPEATS, setting.scale.repeats))


def _large(setting: Setting) -> Iterator[Case]:
    folder = setting.fresh("billions")
    family = make_family(folder, setting.scale.billions, 2)
    store, out = setting.fresh("store-billions"), setting.scratch / "edited"
    commands: Mapping[str, list[Any]] = {
        "store init": ["store", "init", store, "--base", family.base],
        "store add": ["store", "add", store, *family.named_refs],
        "similarity": ["similarity", store],
        "compress, 1 atom": ["compress", store, "--basis", "one", "--atoms", "1"],
        "edit": ["edit", store, family.sum_expression(0.5), "-o", out],
    }
    for label, words in commands.items():
        yield _case(setting, Contender(label, [taskvec(), *words, "-q"]), 2)
    shutil.rmtree(folder)


def _case(setting: Setting, contender: Contender, count: int, repeats: int = 1) -> Case:
    contender.prepare()
    command = [word for word in contender.command if word not in {"-q", "--json"}]
    plan = json.loads(measure(Contender(contender.label, [*command, "--dry-run", "--json"])).stdout)["plan"]
    runs = tuple(measure(contender).run for _ in range(repeats))
    case = Case(contender.label, count, plan["allowed_bytes"], plan["projected_bytes"], runs)
    setting.say(f"{contender.label}, T = {count}: {case.seconds:.2f} s")
    return case


def _growth(cases: Sequence[Case]) -> Table:
    columns = (
        Column("what"), Column("T", Unit.COUNT), Column("seconds", Unit.SECONDS), Column("a task", Unit.SECONDS),
        Column("projected", Unit.BYTES), Column("measured", Unit.BYTES),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (case.label, case.count, case.seconds, case.seconds / case.count, case.projected_bytes,
         case.peak_bytes)
        for case in cases
    ]  # fmt: skip
    return Table("More and more task vectors", columns, tuple(rows))


def _sizes(title: str, cases: Sequence[Case]) -> Table:
    columns = (
        Column("command"), Column("seconds", Unit.SECONDS), Column("read", Unit.BYTES), Column("written", Unit.BYTES),
        Column("projected", Unit.BYTES), Column("measured", Unit.BYTES), Column("allowed", Unit.BYTES),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (case.label, case.seconds, case.runs[-1].read_bytes, case.runs[-1].written_bytes, case.projected_bytes,
         case.peak_bytes, case.allowed_bytes)
        for case in cases
    ]  # fmt: skip
    return Table(title, columns, tuple(rows))


def straight(line: Line, fitted: int) -> str:
    """Say what a collection of which some are fitted takes."""
    return (
        f"{JOINED}: {line.start:.2g} s, in which the {fitted} are compared and the atoms made, and "
        f"{1e3 * line.slope:.2g} ms a task fit these times within {line.worst:.0%}."
    )


def growth(label: str, cases: Sequence[Case]) -> str:
    """Fit a + b·T + c·T² to relative deviations, and say where T² takes as long as T."""
    mine = [case for case in cases if case.label == label]
    counts = np.array([case.count for case in mine], float)
    seconds = np.array([case.seconds for case in mine])
    design = np.stack([np.ones_like(counts), counts, counts**2], axis=1) / seconds[:, None]
    (start, linear, square), *_ = np.linalg.lstsq(design, np.ones_like(seconds))
    if linear <= 0 or square <= 0:
        return f"{label}: no sum of T and T² with positive parts fits these times."
    return (
        f"{label}: {start:.2g} s, {1e3 * linear:.2g} ms a task and {1e3 * square:.2g} ms for every pair fit these "
        f"times; from T = {linear / square:.0f} on the pairs take longer."
    )
