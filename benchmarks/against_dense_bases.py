"""Against dense bases: compressing in a bounded memory beside the published way, with everything in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.families import Family
from benchmarks.machine import REPOSITORY, available_memory
from benchmarks.measuring import Contender, Done, Run, in_turn, median_seconds, peak, runs_of, timing
from benchmarks.pictures import OURS, PEER, time_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.stores import Stores
from benchmarks.tables import Column, Table, Unit, show
from taskvec.reports import Chart

TITLE = "How much faster and smaller than a basis made in memory?"
NUM_TASKS, NUM_ATOMS = 8, 4
TIMES_FASTER = 20.0
SHARE = 0.9  # of the free memory that may be taken: others work here too
OURS_LABEL = "taskvec compress"
PUBLISHED = "in memory: autoencoder, as published"
PUBLISHED_ITSELF = (
    "The published program itself (uiuctml/TaskVectorBasis, autoencoder, M = 4) took 171 s and 13.1 GB on such a "
    "family and two such cores, measured apart; the rewriting here is kinder to it."
)
WAYS = {
    PUBLISHED: ("autoencoder", 1.2),
    "in memory: SVD of the P × T matrix": ("svd", 3.2),
    "in memory: Gram and eigenvectors": ("gram", 1.2),
}
"""Label → way and the matrices of the size of V that it holds at once, beside the atoms and two models."""


def ask(setting: Setting) -> Answer:
    """Compress 8 to 4, the dense ways only as far as memory reaches."""
    family = setting.family(setting.scale.llama, NUM_TASKS + 1)
    needs = {label: _needed(family, matrices) for label, (_, matrices) in WAYS.items()}
    room = int(available_memory() * SHARE)
    fitting = [label for label in WAYS if needs[label] <= room]
    ours = Stores(setting, family).compress(NUM_ATOMS, OURS_LABEL, gram_known=False)
    contenders = [ours, *(_dense(setting, family.first(NUM_TASKS), label) for label in fitting)]
    done = in_turn(contenders, max(1, setting.scale.repeats - 2), setting.say, warm_up=False)
    runs = runs_of(done)
    return Answer(
        setup=f"8 task vectors of {family.layout.num_params:,} weights to 4 atoms, bfloat16 checkpoints in the page "
        "cache. taskvec streams twice and writes atoms in bfloat16, whose rounding its error counts; the ways in "
        "memory hold V, the P × T matrix of task vectors, in float32, as published code does, and write float32. They "
        "are our own short rewriting, without the published code's evaluation and its bookkeeping of single tensors.",
        tables=(_table(done),),
        targets=_targets(runs),
        notes=(
            PUBLISHED_ITSELF,
            *(
                f"{label}: left out, it holds about {show(needed, Unit.BYTES)} "
                f"and may take {show(room, Unit.BYTES)} here."
                for label, needed in needs.items()
                if needed > room
            ),
        ),
        runs=runs,
    )


def chart(answer: Answer) -> Chart:
    """One bar a way."""
    colours = {label: OURS if label == OURS_LABEL else PEER for label in answer.runs}
    return time_bars("Eight task vectors to four atoms", answer.runs, colours)


def _needed(family: Family, matrices: float) -> int:
    vector = 4 * family.layout.num_params
    return int(vector * (NUM_TASKS * matrices + NUM_ATOMS + 2))


def _dense(setting: Setting, family: Family, label: str) -> Contender:
    out = setting.scratch / "dense-atoms"
    way, _ = WAYS[label]
    program = [sys.executable, "-m", "benchmarks.dense_program"]
    options: list[str | Path] = ["--atoms", str(NUM_ATOMS), "--steps", str(setting.scale.encoder_steps), "--out", out]
    return Contender(
        label,
        [*program, way, *options, *family.folders],
        lambda: _clear(setting, out.name),
        {"PYTHONPATH": str(REPOSITORY)},
    )


def _clear(setting: Setting, name: str) -> None:
    setting.fresh(name)


def _table(done: Mapping[str, Sequence[Done]]) -> Table:
    columns = (
        Column("way"),
        Column("seconds (least – greatest)", Unit.TIMING),
        Column("× taskvec", Unit.RATIO),
        Column("peak memory", Unit.BYTES),
        Column("relative error", Unit.FRACTION),
    )
    runs = runs_of(done)
    own = median_seconds(runs[OURS_LABEL])
    errors = {label: float(json.loads(several[-1].stdout)["relative_error"]) for label, several in done.items()}
    rows = ((one, timing(all_), median_seconds(all_) / own, peak(all_), errors[one]) for one, all_ in runs.items())
    return Table("8 → 4", columns, tuple(rows))


def _targets(runs: Mapping[str, Sequence[Run]]) -> tuple[Target, ...]:
    if PUBLISHED not in runs:
        return ()
    ratio = median_seconds(runs[PUBLISHED]) / median_seconds(runs[OURS_LABEL])
    promise = f"taskvec compress: {TIMES_FASTER:g} × as fast as the published way in memory"
    return (Target(promise, ratio, TIMES_FASTER, Unit.RATIO, at_least=True),)
