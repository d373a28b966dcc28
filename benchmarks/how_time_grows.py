"""How time grows: the same commands on models of more and more weights; it should be a straight line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import starmap

from benchmarks.edits import edit
from benchmarks.lines import DEVIATION, Line, fit
from benchmarks.measuring import Contender, Run, median_seconds, peak, runs_of, timing
from benchmarks.pictures import Axis, Trace, traces
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.stores import Stores
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.reports import Chart

TITLE = "Does time grow in a straight line with the size of the model?"
NUM_TASKS = 2
COMMANDS = ("edit", "similarity")


def ask(setting: Setting) -> Answer:
    """Edit and compare two task vectors at every size."""
    sizes = {layout.num_params: layout for layout in setting.scale.growing}
    contenders = {params: _contenders(setting, params) for params in sizes}
    runs = runs_of(setting.in_turn([one for two in contenders.values() for one in two]))
    points = {command: {params: runs[_label(command, params)] for params in sizes} for command in COMMANDS}
    lines = {command: _line(by_size) for command, by_size in points.items()}
    smallest, largest = min(sizes), max(sizes)
    return Answer(
        setup=f"{NUM_TASKS} fine-tunes and their base, {smallest:,} to {largest:,} weights each "
        f"({largest // smallest} ×), in bfloat16 tensors of one size, from the page cache; the whole process. The line "
        "is fitted to relative deviations.",
        tables=(_table(points, lines),),
        targets=tuple(starmap(_target, lines.items())),
        notes=tuple(starmap(_sentence, lines.items())),
        runs=runs,
    )


def chart(answer: Answer) -> Chart:
    """Points and lines."""
    drawn = []
    for command in COMMANDS:
        rows = [row for row in answer.tables[0].rows if row[0] == command]
        params = [float(row[1]) / 1e6 for row in rows]  # type: ignore[arg-type]
        times, fitted = [row[2][0] for row in rows], [float(row[3]) for row in rows]  # type: ignore[index,arg-type]
        drawn += [
            Trace(command, list(zip(params, times, strict=True)), has_line=False),
            Trace(command, list(zip(params, fitted, strict=True)), has_marks=False),
        ]
    below, beside = Axis("million weights", (0, None)), Axis("seconds, whole process", (0, None))
    return traces("Time and the straight line that fits it", below, beside, drawn)


def _label(command: str, params: int) -> str:
    return f"{command}, {params:,} weights"


def _contenders(setting: Setting, params: int) -> tuple[Contender, Contender]:
    layout = next(layout for layout in setting.scale.growing if layout.num_params == params)
    family = setting.family(layout, NUM_TASKS + 1)
    similarity = Stores(setting, family, f"-{params}").similarity(_label("similarity", params))
    return edit(setting, family.first(NUM_TASKS), _label("edit", params)), similarity


def _line(by_size: Mapping[int, Sequence[Run]]) -> Line:
    return fit([params / 1e9 for params in by_size], [median_seconds(runs) for runs in by_size.values()])


def _table(points: Mapping[str, Mapping[int, Sequence[Run]]], lines: Mapping[str, Line]) -> Table:
    columns = (
        Column("command"),
        Column("weights", Unit.COUNT),
        Column("seconds (least – greatest)", Unit.TIMING),
        Column("line", Unit.SECONDS),
        Column("off the line", Unit.FRACTION),
        Column("peak memory", Unit.BYTES),
    )
    rows: list[tuple[Cell, ...]] = []
    for command, by_size in points.items():
        line = lines[command]
        for (params, runs), deviation in zip(by_size.items(), line.deviations, strict=True):
            fitted = line.start + line.slope * params / 1e9
            rows.append((command, params, timing(runs), fitted, deviation, peak(runs)))
    return Table("Time against P", columns, tuple(rows))


def _target(command: str, line: Line) -> Target:
    return Target(f"{command}: largest deviation from a straight line", line.worst, DEVIATION, Unit.FRACTION)


def _sentence(command: str, line: Line) -> str:
    return f"{command}: {line.start:.2f} s and {line.slope:.2f} s for every billion weights."
