"""Against mergekit: the same sum of task vectors, timed in turn, both outputs held against float64; and TIES."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.edits import DENSITY, SCALING, edit, ties
from benchmarks.families import Family
from benchmarks.measuring import Contender, Run, median_seconds, peak, runs_of, timing
from benchmarks.oracle import Verdict, judge
from benchmarks.peer import MERGEKIT, mergekit_environment
from benchmarks.pictures import OURS, PEER, time_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.reports import Chart

TITLE = "How much faster and more exact than mergekit?"
TIMES_FASTER = 5.0
BEYOND_TIES = 1e-4
"""What accumulating in float32 may mis-round: about one in 2¹⁶ for each rounding on the way."""
OURS_LABEL = "taskvec edit"
PEER_LABEL = f"{MERGEKIT}, dtype: bfloat16"
TIES_LABEL = "taskvec edit, TIES"
PEER_TIES_LABEL = f"{MERGEKIT}, ties, dtype: bfloat16"
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
    merges = runs_of(setting.in_turn([ties(setting, family, TIES_LABEL)]))
    merges |= runs_of(setting.in_turn(_ties_peers(setting, family), 1))
    return Answer(
        setup=f"base + {SCALING} · (sum of 8 task vectors) of {family.layout.num_params:,} weights in bfloat16, a "
        "Llama, inputs in the page cache; mergekit reads it as `task_arithmetic` with `normalize: false` and is spared "
        "the tokenizer and the model card. Mis-rounded: elements of the output that are not the bfloat16 nearest to "
        "the same sum in float64; beyond ties: those of them that were not halfway between two, where the last bit of "
        f"λ decides. TIES: density {DENSITY}; mergekit's `weight: {SCALING}`, `normalize: true`, `lambda: {SCALING}`, "
        "run once; of equal magnitudes the two keep different ones, so their outputs are not held against each other.",
        tables=(_table(runs, verdicts), _ties_table(merges)),
        targets=_targets(runs, verdicts),
        notes=(f"{MERGEKIT} is left out of a toy run.",) if setting.is_toy else (),
        runs={**runs, **merges},
    )


def chart(answer: Answer) -> Chart:
    """One bar a contender."""
    colours = {label: OURS if label in {OURS_LABEL, TIES_LABEL} else PEER for label in answer.runs}
    return time_bars("Sum, and TIES merge, of 8 task vectors onto a base", answer.runs, colours)


def _peers(setting: Setting, family: Family) -> list[_Side]:
    if setting.is_toy:
        return []
    program = mergekit_environment(setting) / "mergekit-yaml"
    dtypes = {PEER_LABEL: {"dtype": "bfloat16"}, PRECISE_LABEL: {"dtype": "float32", "out_dtype": "bfloat16"}}
    recipe = _recipe(family)
    return [_peer(setting, program, {**recipe, **chosen}, label) for label, chosen in dtypes.items()]


def _ties_peers(setting: Setting, family: Family) -> list[Contender]:
    if setting.is_toy:
        return []
    program = mergekit_environment(setting) / "mergekit-yaml"
    return [_peer(setting, program, _ties_recipe(family), PEER_TIES_LABEL).contender]


def _peer(setting: Setting, program: Path, recipe: Mapping[str, object], label: str) -> _Side:
    out = setting.scratch / f"merged-{recipe['merge_method']}-{recipe['dtype']}"
    file = setting.scratch / f"{out.name}.yaml"
    file.write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    command: list[str | Path] = [program, file, out, "--no-copy-tokenizer", "--no-write-model-card"]
    return _Side(Contender(label, command, _cleared(setting, out), {"HF_HUB_OFFLINE": "1"}), out)


def _cleared(setting: Setting, out: Path) -> Callable[[], None]:
    def prepare() -> None:
        setting.fresh(out.name)

    return prepare


def _recipe(family: Family) -> dict[str, object]:
    models = [{"model": str(folder), "parameters": {"weight": SCALING}} for folder in family.finetuned.values()]
    method = {"merge_method": "task_arithmetic", "base_model": str(family.base)}
    return {**method, "models": models, "parameters": {"normalize": False}}


def _ties_recipe(family: Family) -> dict[str, object]:
    chosen = {"weight": SCALING, "density": DENSITY}
    models = [{"model": str(folder), "parameters": chosen} for folder in family.finetuned.values()]
    method = {"merge_method": "ties", "base_model": str(family.base), "dtype": "bfloat16"}
    return {**method, "models": models, "parameters": {"normalize": True, "lambda": SCALING}}


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
    return Table("Task arithmetic over 8 fine-tunes", columns, tuple(rows))


def _ties_table(runs: Mapping[str, Sequence[Run]]) -> Table:
    columns = (
        Column("program"),
        Column("seconds (least – greatest)", Unit.TIMING),
        Column("× taskvec", Unit.RATIO),
        Column("peak memory", Unit.BYTES),
    )
    own = median_seconds(runs[TIES_LABEL])
    rows = [(label, timing(several), median_seconds(several) / own, peak(several)) for label, several in runs.items()]
    return Table(f"TIES over 8 fine-tunes, density {DENSITY}", columns, tuple(rows))


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
