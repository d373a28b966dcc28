"""Against mergekit, in values: every method that both have, on the same tiny models."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from benchmarks.errors import BenchmarkError
from benchmarks.machine import REPOSITORY
from benchmarks.peer import MERGEKIT, mergekit_environment
from benchmarks.pictures import OURS, Axis, Bar, lying_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.tables import Column, Table, Unit
from taskvec.methods import METHODS
from taskvec.reports import Chart

TITLE = "Is a merge the same as mergekit's?"
GOLDENS = REPOSITORY / "tests" / "methods" / "goldens"
TOLERANCE = 2.0
"""In 10⁻⁶: values are near 1, and mergekit computes in float32."""

Arrays = dict[str, np.ndarray]


def ask(setting: Setting) -> Answer:
    """Let mergekit merge, or take what it once made, and hold ours against that."""
    cases = json.loads((GOLDENS / "cases.json").read_text(encoding="utf-8"))
    made = load_file(_recorded(setting))
    rows = tuple(
        (
            method,
            len(many),
            1e6 * max(_difference(method, number, options, made) for number, options in enumerate(many)),
        )
        for method, many in cases.items()
    )
    worst = max(float(row[2]) for row in rows)
    return Answer(
        setup="Three fine-tunes of a base, float32, three tensors of up to 63 weights each; `semantics=mergekit` "
        f"against {MERGEKIT}'s own Python interface. Methods with masks of chance are compared at density 1, where it "
        "draws none.",
        tables=(
            Table(
                "Largest difference of a weight",
                (Column("method"), Column("cases", Unit.COUNT), Column("difference · 10⁶", Unit.RATIO)),
                rows,
            ),
        ),
        targets=(Target("every method: the same weights, in 10⁻⁶", worst, TOLERANCE, Unit.RATIO),),
        notes=("mergekit's recorded outputs stand for a run of it.",) if setting.is_toy else (),
        runs={},
    )


def chart(answer: Answer) -> Chart:
    """One bar a method."""
    bars = [Bar(str(row[0]), float(row[2]), OURS) for row in answer.tables[0].rows]  # type: ignore[arg-type]
    axis = Axis("largest difference of a weight, in 10⁻⁶", (0, None))
    return lying_bars("How far merges are from mergekit's", axis, bars)


def _recorded(setting: Setting) -> Path:
    if setting.is_toy:
        return GOLDENS / "mergekit.safetensors"
    out = setting.fresh("mergekit.safetensors")
    program = Path(__file__).with_name("mergekit_goldens.py")
    command = [mergekit_environment(setting) / "python", program, GOLDENS / "cases.json", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{MERGEKIT} fails: {done.stderr.strip().splitlines()[-1]}")
    return out


def _difference(method: str, number: int, options: dict[str, Any], made: Arrays) -> float:
    differences = []
    for tensor in ("matrix", "vector", "wide"):
        models = {name: made[f"input/{name}/{tensor}"].astype(np.float64) for name in ("base", "a", "b", "c")}
        names = ["base", "a"] if method == "slerp" else list("abc")[: METHODS[method].max_inputs]
        given = {("points" if name == "baseless" else name): value for name, value in options.items()}
        deltas = np.stack([models[name] - models["base"] for name in names])
        merged = METHODS[method](deltas, base=models["base"], names=names, semantics="mergekit", **given)
        differences.append(np.abs(models["base"] + merged - made[f"{method}/{number}/{tensor}"]).max())
    return float(max(differences))
