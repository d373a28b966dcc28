"""How close to the disk: every command beside reading its inputs and writing its outputs, doing nothing with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.disk import floor, forget
from benchmarks.edits import DENSITY, edit, ties
from benchmarks.families import Family
from benchmarks.layouts import even
from benchmarks.measuring import Contender, Run, median_seconds, peak, runs_of, timing
from benchmarks.pictures import FLOOR, OURS, time_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.stores import Stores
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.reports import Chart

TITLE = "How close to the disk?"
NUM_ATOMS = 4
START_UP = "edit of 4,096 weights: start-up alone"

Runs = Mapping[str, Sequence[Run]]


@dataclass(frozen=True, slots=True)
class Work:
    """A command and the least that the disk allows for it.

    Attributes:
        contender: The command.
        floor: Its own reads and writes by the system's tools.
        input_bytes: What the floor reads.
        factor: At most this many times the floor…
        allowance: … and this many seconds; None where nothing is promised.
    """

    contender: Contender
    floor: Contender
    input_bytes: int
    factor: float | None = None
    allowance: float = 0.0


def ask(setting: Setting) -> Answer:
    """Measure edit, similarity, compress and adding a vector, from the page cache and from the disk."""
    nine = setting.family(setting.scale.llama, 9)
    stores = Stores(setting, nine)
    warm, cold = _warm_works(setting, nine, stores), _cold_works(setting, nine.first(8), stores)
    runs = _run(setting, warm, setting.scale.repeats) | _run(setting, cold, max(1, setting.scale.repeats - 2))
    runs |= runs_of(setting.in_turn([edit(setting, setting.family(even(4, 1 << 10), 1), START_UP)]))
    return Answer(
        setup=_setup(nine),
        tables=(_table("From the page cache", warm, runs), _table("From the disk", cold, runs)),
        targets=tuple(_targets(warm, cold, runs)),
        notes=(*_start_up_notes(runs), *_cold_notes(cold, runs)),
        runs={label: tuple(several) for label, several in runs.items()},
    )


def chart(answer: Answer) -> Chart:
    """Bars, each command under its floor."""
    colours = {label: FLOOR if label.startswith("floor") else OURS for label in answer.runs}
    title = "Commands (blue) and the reads and writes that they cannot do without (grey)"
    return time_bars(title, answer.runs, colours)


def _setup(nine: Family) -> str:
    return (
        f"A base and 8 fine-tunes of {nine.layout.num_params:,} weights in bfloat16, a Llama "
        f"({9 * nine.layout.num_bytes / 1e9:.2f} GB in 9 files), and a ninth fine-tune where one is added. Floor: the "
        "system reads the same inputs (`cat`, or `dd iflag=direct` where the page cache was dropped) and writes as "
        "many bytes as the output has, without waiting for the disk. Times are of whole processes, start-up included; "
        "every command is measured in turn with its floor."
    )


def _warm_works(setting: Setting, nine: Family, stores: Stores) -> list[Work]:
    eight = nine.first(8)
    size, inputs = eight.layout.num_bytes, eight.layout.num_bytes * 9
    newest = [eight.base, *list(nine.finetuned.values())[8:]]
    added = Family(nine.layout, eight.base, {"task8": newest[1]})
    read, twice = eight.files, [*eight.files, *eight.files]
    write = NUM_ATOMS * size
    return [
        Work(edit(setting, eight, "edit of 8 vectors"), floor(setting, "floor of edit", read, size), inputs, 2.0, 0.8),
        Work(
            edit(setting, eight, "edit of 8 vectors"),
            floor(setting, "floor of edit, flushed", read, size, flushed=True),
            inputs,
        ),
        Work(
            ties(setting, eight, f"TIES of 8 vectors, density {DENSITY}"),
            floor(setting, "floor of TIES", read, size),
            inputs,
            4.0,
        ),
        Work(stores.similarity("similarity"), floor(setting, "floor of similarity", read), inputs, 1.5),
        Work(
            stores.compress(NUM_ATOMS, "compress to 4 atoms, Gram unknown", gram_known=False),
            floor(setting, "floor of compress, Gram unknown", twice, write),
            2 * inputs,
            2.0,
        ),
        Work(
            stores.compress(NUM_ATOMS, "compress to 4 atoms, Gram known", gram_known=True),
            floor(setting, "floor of compress, Gram known", read, write),
            inputs,
            2.0,
        ),
        Work(stores.add_ninth(), floor(setting, "floor of adding a 9th vector", added.files), 2 * size),
        Work(stores.complete_gram(), floor(setting, "floor of its row of the Gram", nine.files), 10 * size),
    ]


def _cold_works(setting: Setting, eight: Family, stores: Stores) -> list[Work]:
    size, inputs = eight.layout.num_bytes, eight.layout.num_bytes * 9
    editing, similarity = (
        _from_disk(work, eight.files)
        for work in (edit(setting, eight, "edit of 8 vectors"), stores.similarity("similarity"))
    )
    edit_floor = floor(setting, "floor of edit, from the disk", eight.files, size, directly=True)
    similarity_floor = floor(setting, "floor of similarity, from the disk", eight.files, directly=True)
    return [Work(editing, edit_floor, inputs, 1.15), Work(similarity, similarity_floor, inputs, 1.15)]


def _from_disk(contender: Contender, files: Sequence[Path]) -> Contender:
    def prepare() -> None:
        contender.prepare()
        forget(files)

    return replace(contender, label=f"{contender.label}, from the disk", prepare=prepare)


def _run(setting: Setting, works: Sequence[Work], repeats: int) -> dict[str, tuple[Run, ...]]:
    contenders = {one.label: one for work in works for one in (work.floor, work.contender)}
    return runs_of(setting.in_turn(list(contenders.values()), repeats))


def _table(title: str, works: Sequence[Work], runs: Runs) -> Table:
    columns = (
        Column("command"),
        Column("seconds (least – greatest)", Unit.TIMING),
        Column("floor", Unit.TIMING),
        Column("× floor", Unit.RATIO),
        Column("× floor without start-up", Unit.RATIO),
        Column("peak memory", Unit.BYTES),
        Column("inputs", Unit.BYTES),
        Column("read ÷ inputs", Unit.RATIO),
    )
    return Table(title, columns, tuple(_row(work, runs) for work in works))


def _row(work: Work, runs: Runs) -> tuple[Cell, ...]:
    ours, least = runs[work.contender.label], runs[work.floor.label]
    name = work.contender.label
    if work.floor.label.endswith("flushed"):
        name += " (floor waits until the output is on the disk)"
    return (
        name,
        timing(ours),
        timing(least),
        median_seconds(ours) / median_seconds(least),
        (median_seconds(ours) - median_seconds(runs[START_UP])) / median_seconds(least),
        peak(ours),
        work.input_bytes,
        ours[-1].read_bytes / work.input_bytes,
    )


def _targets(warm: Sequence[Work], cold: Sequence[Work], runs: Runs) -> list[Target]:
    targets = [_time_target(work, runs) for work in (*warm, *cold) if work.factor is not None]
    editing, added, row = warm[0], warm[-2], warm[-1]
    targets.append(_time_target(replace(editing, factor=1.5, allowance=0.5), runs, is_goal=True))
    for work in (added, row):
        read = runs[work.contender.label][-1].read_bytes / work.input_bytes
        targets.append(
            Target(f"{work.contender.label}: bytes read ÷ one pass over what it needs", read, 1.05, Unit.RATIO)
        )
    return targets


def _time_target(work: Work, runs: Runs, *, is_goal: bool = False) -> Target:
    factor = work.factor or 0.0
    words = f"{work.contender.label}: at most {factor:g} × floor" + (f" + {work.allowance} s" if work.allowance else "")
    limit = factor * median_seconds(runs[work.floor.label]) + work.allowance
    return Target(words, median_seconds(runs[work.contender.label]), limit, Unit.SECONDS, is_goal=is_goal)


def _start_up_notes(runs: Runs) -> tuple[str, ...]:
    """Say how much of every figure has nothing to do with the disk."""
    seconds = median_seconds(runs[START_UP])
    return (f"{seconds:.2f} s of every command are start-up: Python, its packages, and loading compiled kernels.",)


def _cold_notes(cold: Sequence[Work], runs: Runs) -> tuple[str, ...]:
    """Say where the page cache could not be dropped: such a figure is not one of the disk."""
    came = {work.contender.label: runs[work.contender.label][-1].disk_read_bytes / work.input_bytes for work in cold}
    some = {label: part for label, part in came.items() if part < 0.95}
    return tuple(f"{label}: only {part:.0%} of the inputs came from the disk." for label, part in some.items())
