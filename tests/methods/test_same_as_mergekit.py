"""Every method that mergekit has too: equal to what mergekit 0.1.5 itself made of tiny float32 models.

``benchmarks/mergekit_goldens.py`` wrote the recorded outputs. Methods with masks of chance are recorded at density 1,
where mergekit draws none; elsewhere its masks come from a generator that nothing else can follow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from taskvec.methods import METHODS

GOLDENS = Path(__file__).parent / "goldens"
CASES: dict[str, list[dict[str, Any]]] = json.loads((GOLDENS / "cases.json").read_text(encoding="utf-8"))
TOLERANCE = 2e-6
"""mergekit computes in float32; values are near 1."""

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def recorded() -> Arrays:
    return load_file(GOLDENS / "mergekit.safetensors")


def ours(method: str, options: dict[str, Any], recorded: Arrays, tensor: str) -> np.ndarray:
    """The merged model, with mergekit's defaults and definitions."""
    record, options = METHODS[method], dict(options)
    models = {name: recorded[f"input/{name}/{tensor}"].astype(np.float64) for name in ("base", "a", "b", "c")}
    names = ["base", "a"] if method == "slerp" else list("abc")[: record.max_inputs]
    if options.pop("baseless", False):
        options["points"] = True
    deltas = np.stack([models[name] - models["base"] for name in names])
    return models["base"] + record(deltas, base=models["base"], names=names, semantics="mergekit", **options)


@pytest.mark.parametrize(
    ("method", "number"), [(method, n) for method, many in CASES.items() for n in range(len(many))]
)
def test_it_is_what_mergekit_made(method: str, number: int, recorded: Arrays) -> None:
    for tensor in ("matrix", "vector", "wide"):
        found = ours(method, CASES[method][number], recorded, tensor)
        wanted = recorded[f"{method}/{number}/{tensor}"]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE, err_msg=tensor)


def test_every_method_that_mergekit_has_is_recorded() -> None:
    assert set(CASES) == {method.name for method in METHODS.values() if method.mergekit is not None}
