"""Against mergekit: the same sum of task vectors, timed in turn, and both outputs held against float64."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.edits import NO_TIES, SCALING, edit
from benchmarks.families import Family
from benchmarks.measuring import Contender, Run, median_seconds, peak, runs_of, timing
from benchmarks.oracle import Verdict, judge
from benchmarks.peer import MERGEKIT, mergekit_environment
from benchmarks.pictures import OURS, PEER, time_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.tables import Cell, Column, Table, Unit

TITLE = "How much faster and more exact than mergekit?"
HEIGHT = 2.2
TIMES_FASTER = 5.0
BEYOND_TIES = 1e-4
"""What accumulating in float32 may mis-round: about one in 2¹⁶ for each rounding on the way."""
OURS_LABEL = "taskvec edit"
PEER_LABEL = f"{MERGEKIT}, dtype: bfloat16"
PRECISE_LABEL = f"{MERGEKIT}, dtype: float32, out_dtype: bfloat16"


@dataclass(frozen=True, slots=True)
class _Side:
    contender: Contender
    out: Path


def ask(setting: Setting) -> Answer:
    """Time both, and count the elements that each rounded wrongly."""
    family = setting.family(setting.scale.llama, 9).first(8)
    sides = [_Side(edit(setting, family, OURS_LABEL), setting.scratch / "edited"), *_peers(setting, family)]
    runs = runs_of(setting.in_turn([side.contender for side in sides]))
    verdicts = {side.contender.label: _judge(setting, family, side) for side in sides}
    return Answer(
        setup=f"base + {SCALING} · (sum of 8 task vectors) of {family.layout.num_params:,} weights in bfloat16, a "
        "Llama, inputs in the page cache; mergekit reads it as `task_arithmetic` with `normalize: false` and is spared "
        "the tokenizer and the model card. Mis-rounded: elements of the output that are not the bfloat16 nearest to "
        "the same sum in float64; beyond ties: those of them that were not halfway between two, where the last bit of "
        "λ decides.",
        tables=(_table(runs, verdicts),),
        targets=_targets(runs, verdicts),
        notes=(f"{MERGEKIT} is left out of a toy run.",) if setting.is_toy else (),
        runs=runs,
    )


def draw(axes: Any, answer: Answer) -> None:
    """One bar a contender."""
    colours = {label: OURS if label == OURS_LABEL else PEER for label in answer.runs}
    time_bars(axes, answer.runs, colours)
    axes.set_title("Sum of 8 task vectors onto a base")


def _peers(setting: Setting, family: Family) -> list[_Side]:
    if setting.is_toy:
        return []
    program = mergekit_environment(setting) / "mergekit-yaml"
    dtypes = {PEER_LABEL: {"dtype": "bfloat16"}, PRECISE_LABEL: {"dtype": "float32", "out_dtype": "bfloat16"}}
    return [_peer(setting, program, family, label, chosen) for label, chosen in dtypes.items()]


def _peer(setting: Setting, program: Path, family: Family, label: str, dtypes: Mapping[str, str]) -> _Side:
    out = setting.scratch / f"merged-{dtypes['dtype']}"
    recipe = setting.scratch / f"{out.name}.yaml"
    recipe.write_text(json.dumps({**_recipe(family), **dtypes}), encoding="utf-8")  # JSON is YAML
    command: list[str | Path] = [program, recipe, out, "--no-copy-tokenizer", "--no-write-model-card"]
    return _Side(Contender(label, command, _cleared(setting, out), {"HF_HUB_OFFLINE": "1"}), out)


def _cleared(setting: Setting, out: Path) -> Callable[[], None]:
    def prepare() -> None:
        setting.fresh(out.name)

    return prepare


def _recipe(family: Family) -> dict[str, object]:
    models = [{"model": str(folder), "parameters": {"weight": SCALING}} for folder in family.finetuned.values()]
    method = {"merge_method": "task_arithmetic", "base_model": str(family.base)}
    return {**method, "models": models, "parameters": {"normalize": False}}


def _judge(setting: Setting, family: Family, side: _Side) -> Verdict:
    setting.say(f"{side.contender.label}: comparing with float64")
    return judge(side.out, family.base, list(family.finetuned.values()), SCALING)


def _table(runs: Mapping[str, Sequence[Run]], verdicts: Mapping[str, Verdict]) -> Table:
    columns = (
        Column("program"),
        Column("seconds (least – greatest)", Unit.TIMING),
        Column("× taskvec", Unit.RATIO),
        Column("peak memory", Unit.BYTES),
        Column("mis-rounded", Unit.FRACTION),
        Column("beyond ties", Unit.FRACTION),
    )
    own = median_seconds(runs[OURS_LABEL])
    rows: list[tuple[Cell, ...]] = []
    for label, several in runs.items():
        verdict, ratio = verdicts[label], median_seconds(several) / own
        rows.append((label, timing(several), ratio, peak(several), verdict.misrounded, verdict.beyond_ties))
    return Table("Task arithmetic over 8 fine-tunes", columns, (*rows, (NO_TIES, *[None] * 5)))


def _targets(runs: Mapping[str, Sequence[Run]], verdicts: Mapping[str, Verdict]) -> tuple[Target, ...]:
    ours = verdicts[OURS_LABEL]
    exact = (
        Target("taskvec edit: mis-rounded beyond ties", ours.beyond_ties, BEYOND_TIES, Unit.FRACTION),
        Target("taskvec edit: mis-rounded", ours.misrounded, 0.0, Unit.FRACTION, is_goal=True),
    )
    if PEER_LABEL not in runs:
        return exact
    ratio = median_seconds(runs[PEER_LABEL]) / median_seconds(runs[OURS_LABEL])
    faster = f"taskvec edit: {TIMES_FASTER:g} × as fast as {MERGEKIT} task_arithmetic"
    return (Target(faster, ratio, TIMES_FASTER, Unit.RATIO, at_least=True), *exact)
