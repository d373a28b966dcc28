"""The same YAML given to both programs: every method that both have, timed, and held against float64 in a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.measuring import Contender, Run, in_turn, median_seconds, peak, runs_of, timing
from benchmarks.oracle import round_to_bfloat16, tensors, widen
from benchmarks.peer import MERGEKIT, mergekit_environment
from benchmarks.pictures import OURS, PEER, Axis, Bar, lying_bars
from benchmarks.recipe_cases import CASES, Case
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting, taskvec
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.editing.recipe.loading import load_recipe
from taskvec.methods import METHODS
from taskvec.reports import Chart

TITLE = "How fast are mergekit's own recipes?"
TIMES_FASTER = 5.0
REPEATS = 3
SAMPLE = ".layers.0."
"""What a name must hold for its tensor to be held against float64: one layer is enough, and fits in memory."""
HALFWAY = 1e-3  # two bfloat16 are as near as each other when their distances differ by no more than this fraction

MISROUNDED = 5e-3
"""What float32 may cost: signs are elected otherwise where weighted changes cancel in one arithmetic alone."""

Doubles = NDArray[np.float64]
Runs = Mapping[str, tuple[Run, ...]]


def ask(setting: Setting) -> Answer:
    """Carry every recipe out by both programs."""
    family = setting.family(setting.scale.recipes, 4)
    peer = None if setting.is_toy else mergekit_environment(setting) / "mergekit-yaml"
    runs: dict[str, tuple[Run, ...]] = {}
    rows = []
    notes = [f"{MERGEKIT} is left out of a toy run."] if peer is None else []
    for number, case in enumerate(CASES, start=1):
        setting.say(f"{case.method}, {number} of {len(CASES)} methods")
        recipe = case.write(family, setting.scratch / f"{case.method}.yaml")
        found = runs_of(setting.in_turn([_ours(setting, recipe)], min(REPEATS, setting.scale.repeats)))
        outs = [setting.scratch / "ours"]
        if peer is not None:
            try:
                found |= runs_of(in_turn([_theirs(setting, peer, recipe)], 1, setting.say, warm_up=False))
                outs.append(setting.scratch / "theirs")
            except BenchmarkError as error:  # what the other methods cost is worth keeping
                notes.append(f"{case.method}: {error}.")
        runs |= found
        rows.append(_row(case, found, _misrounded(setting, case, recipe, outs)))
    return Answer(
        setup=f"Up to 4 fine-tunes of a Llama of {family.layout.num_params:,} weights in bfloat16, inputs in the page "
        "cache, the same file for both; both are spared the tokenizer, hashes and the card's model list. Mis-rounded: "
        "elements of the first layer that are not the bfloat16 nearest to the method's definition in float64, those "
        "halfway between two left out; masks of chance are ours alone. mergekit is run once for each method, when "
        "ours has brought the inputs into the page cache.",
        tables=(_table(rows),),
        targets=_targets(rows),
        notes=tuple(notes),
        runs=runs,
    )


def chart(answer: Answer) -> Chart:
    """Two bars a method."""
    bars = [
        Bar(str(row[0]), row[column][0] if isinstance(row[column], tuple) else 0.0, colour, kind)  # type: ignore[index]
        for row in answer.tables[0].rows
        for column, colour, kind in ((1, OURS, "taskvec merge"), (3, PEER, MERGEKIT))
    ]
    return lying_bars("mergekit's own recipes", Axis("seconds", (0, None)), bars)


def _ours(setting: Setting, recipe: Path) -> Contender:
    out = setting.scratch / "ours"
    command: list[str | Path] = [taskvec(), "merge", recipe, out, "--no-sha256", "-q"]
    return Contender(f"taskvec, {recipe.stem}", command, lambda: _clear(setting, "ours"))


def _theirs(setting: Setting, program: Path, recipe: Path) -> Contender:
    out = setting.scratch / "theirs"
    command: list[str | Path] = [program, recipe, out, "--no-copy-tokenizer", "--no-write-model-card"]
    offline = {"HF_HUB_OFFLINE": "1"}
    return Contender(f"{MERGEKIT}, {recipe.stem}", command, lambda: _clear(setting, "theirs"), offline)


def _clear(setting: Setting, name: str) -> None:
    setting.fresh(name)


def _misrounded(setting: Setting, case: Case, recipe: Path, outs: Sequence[Path]) -> list[float | None]:
    """Return for each output the fraction of sampled elements that are not the bfloat16 nearest to the definition.

    None stands for mergekit's masks of chance, which are others than ours.
    """
    said = load_recipe(recipe).last
    names = list(said.steps["_merged"].vectors) if said.steps else []
    models = {name: Path(str(said.vectors[name].model)) for name in names if name in said.vectors}
    judged = outs[:1] if case.is_random else outs
    written, origin = [tensors(out) for out in judged], tensors(Path(str(said.base)))
    tuned = {name: tensors(folder) for name, folder in models.items()}
    wrong, total = np.zeros(len(outs)), 0
    for tensor in (name for name in origin if SAMPLE in name):
        base = widen(origin[tensor]).reshape(setting.scale.recipes.shapes[tensor])
        points = [widen(tuned[name][tensor]).reshape(base.shape) if name in tuned else base for name in names]
        exact = (base + _definition(case, points, base, names, tensor)).reshape(-1)
        nearest = np.abs(round_to_bfloat16(exact) - exact)
        for place, one in enumerate(written):
            wrong[place] += np.count_nonzero(np.abs(widen(one[tensor]) - exact) > (1 + HALFWAY) * nearest)
        total += base.size
    return [float(wrong[n]) / max(total, 1) if n < len(judged) else None for n in range(len(outs))]


def _definition(case: Case, points: Sequence[Doubles], base: Doubles, names: Sequence[str], tensor: str) -> Doubles:
    if not points:
        return np.zeros_like(base)
    method = METHODS[case.method]
    options: dict[str, Any] = dict(case.options)
    if not case.has_base and any(parameter.name == "points" for parameter in method.parameters):
        options["points"] = True
    deltas = np.stack(points) - base
    return method(deltas, base=base, names=names, tensor=tensor, semantics="mergekit", **options)


def _row(case: Case, found: Runs, wrong: Sequence[float | None]) -> tuple[Cell, ...]:
    own, *others = found.values()
    if not others:
        return (case.method, timing(own), peak(own), None, None, None, wrong[0], None)
    theirs = others[0]
    ratio = median_seconds(theirs) / median_seconds(own)
    return (case.method, timing(own), peak(own), timing(theirs), ratio, peak(theirs), wrong[0], wrong[1])


def _table(rows: Sequence[tuple[Cell, ...]]) -> Table:
    columns = (
        Column("method"),
        Column("taskvec: seconds (least – greatest)", Unit.TIMING),
        Column("peak memory", Unit.BYTES),
        Column("mergekit: seconds", Unit.TIMING),
        Column("× taskvec", Unit.RATIO),
        Column("peak memory", Unit.BYTES),
        Column("mis-rounded: taskvec", Unit.FRACTION),
        Column("mergekit", Unit.FRACTION),
    )
    return Table("The same recipe for both", columns, tuple(rows))


def _targets(rows: Sequence[tuple[Cell, ...]]) -> tuple[Target, ...]:
    worst = max(row[6] for row in rows if isinstance(row[6], float))
    exact = Target("taskvec merge, worst method: mis-rounded beyond ties", worst, MISROUNDED, Unit.FRACTION)
    ratios = [row[4] for row in rows if isinstance(row[4], float)]
    if not ratios:
        return (exact,)
    faster = f"taskvec merge, slowest method: {TIMES_FASTER:g} × as fast as {MERGEKIT}"
    return (Target(faster, min(ratios), TIMES_FASTER, Unit.RATIO, at_least=True), exact)
