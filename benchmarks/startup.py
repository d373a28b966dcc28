"""Start-up: how long a command takes to say how it is used."""

from __future__ import annotations

from benchmarks.measuring import Contender, median_seconds, peak, runs_of, timing
from benchmarks.peer import MERGEKIT, mergekit_environment
from benchmarks.pictures import OURS, PEER, time_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting, taskvec
from benchmarks.tables import Column, Table, Unit
from taskvec.reports import Chart

TITLE = "How long until it answers?"
FACTOR = 2  # times as many runs as of longer commands
PROMISED_SECONDS = 0.3


def ask(setting: Setting) -> Answer:
    """Ask for help."""
    repeats = FACTOR * setting.scale.repeats
    ours = [
        Contender("taskvec --help", [taskvec(), "--help"]),
        Contender("taskvec edit --help", [taskvec(), "edit", "--help"]),
    ]
    peers = (
        []
        if setting.is_toy
        else [Contender("mergekit-yaml --help", [mergekit_environment(setting) / "mergekit-yaml", "--help"])]
    )
    runs = runs_of(setting.in_turn([*ours, *peers], repeats))
    columns = (
        Column("command"),
        Column("seconds (least – greatest)", Unit.TIMING),
        Column("× taskvec --help", Unit.RATIO),
        Column("peak memory", Unit.BYTES),
    )
    own = median_seconds(runs[ours[0].label])
    rows = tuple(
        (label, timing(several), median_seconds(several) / own, peak(several)) for label, several in runs.items()
    )
    return Answer(
        setup=f"Medians of {repeats} runs each, taken in turn, programs in the page cache.",
        tables=(Table("Start-up", columns, rows),),
        targets=tuple(
            Target(f"{one.label}: answers soon", median_seconds(runs[one.label]), PROMISED_SECONDS, Unit.SECONDS)
            for one in ours
        ),
        notes=() if peers else (f"{MERGEKIT} is left out of a toy run.",),
        runs=runs,
    )


def chart(answer: Answer) -> Chart:
    """One bar a command."""
    colours = {label: OURS if label.startswith("taskvec") else PEER for label in answer.runs}
    return time_bars("Seconds until --help is answered", answer.runs, colours)
