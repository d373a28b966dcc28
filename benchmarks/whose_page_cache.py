"""Whose page cache: what a command over more than the memory leaves of what others have cached."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.edits import edit
from benchmarks.families import Family
from benchmarks.machine import available_memory
from benchmarks.measuring import Done, measure
from benchmarks.pictures import OURS, PEER, Axis, Bar, lying_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.tables import Column, Table, Unit
from taskvec.reports import Chart

TITLE = "Does a set larger than memory push out what others have cached?"
NUM_TASKS = 8
ROOM = 0.8  # of the inputs is what memory is left for
KEPT = 0.95


def ask(setting: Setting) -> Answer:
    """Leave memory for less than the inputs, then edit; ask the system what is still cached."""
    family = setting.family(setting.scale.llama, NUM_TASKS)
    size = family.layout.num_bytes * len(family.folders)
    others = _others_file(setting, size // 8)
    contenders = {
        "taskvec edit": lambda: measure(edit(setting, family, "taskvec edit")),
        "cat, twice": lambda: _read_twice(family.files),
    }
    held = _held(0 if setting.is_toy else available_memory() - int(ROOM * size))
    rows = [(label, *_cached_after(work, others, family)) for label, work in contenders.items()]
    del held
    return Answer(
        setup=f"{size / 1e9:.2f} GB of inputs where memory is left for {ROOM:.0%} of them; the rest is held by another "
        f"process, which also has a file of {others.stat().st_size / 1e9:.2f} GB in the page cache. Read by the "
        "system's own `fincore` after each command.",
        tables=(_table(rows),),
        targets=(_target(rows),),
        notes=(),
        runs={},
    )


def chart(answer: Answer) -> Chart:
    """One bar a command: what is left of the others' file."""
    rows = zip(answer.tables[0].rows, (OURS, PEER), strict=True)
    bars = [Bar(str(row[0]), float(row[1]) * 100, colour) for row, colour in rows]  # type: ignore[arg-type]
    axis = Axis("% of another's file still in the page cache", (0, 100))
    return lying_bars("What is left of what others had cached", axis, bars)


def _held(size: int) -> NDArray[np.uint8]:
    """Take memory, every page of it."""
    return np.ones(max(0, size), np.uint8)


def _others_file(setting: Setting, size: int) -> Path:
    path = setting.fresh("others")
    with path.open("wb") as file:
        for _ in range(0, size, 1 << 20):
            file.write(bytes(1 << 20))
    return path


def _cached_after(work: Any, others: Path, family: Family) -> tuple[float, float]:
    others.read_bytes()
    work()
    return _cached([others]), _cached(family.files)


def _cached(files: Sequence[Path]) -> float:
    """Return the part of some files that is in the page cache, as the system says."""
    words = ["fincore", "--json", "--bytes", *map(str, files)]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return sum(int(file["res"]) for file in told["fincore"]) / sum(file.stat().st_size for file in files)


def _read_twice(files: Sequence[Path]) -> Done | None:
    for _ in range(2):
        subprocess.run(["sh", "-c", 'cat "$@" > /dev/null', "sh", *map(str, files)], check=True)
    return None


def _table(rows: Sequence[tuple[str, float, float]]) -> Table:
    columns = (
        Column("command"),
        Column("of another's file, still cached", Unit.FRACTION),
        Column("of its own inputs, cached", Unit.FRACTION),
    )
    return Table("Page cache afterwards", columns, tuple(rows))


def _target(rows: Sequence[tuple[str, float, float]]) -> Target:
    promise = "edit of more than the memory: what is left of another's file in the page cache"
    return Target(promise, rows[0][1], KEPT, Unit.FRACTION, at_least=True)
