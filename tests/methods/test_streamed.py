"""Every method, streamed from checkpoints of mixed dtypes: against its formula on whole tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from merge_cases import CASES, Case
from method_oracles import ORACLES, Dense

import oracles
from taskvec import RunOptions, TaskVector
from taskvec.merging.merge import Merge
from taskvec.methods import METHODS
from taskvec.testing.families import Family, SavedFamily
from taskvec.types import DType
from taskvec.vectors.edited import Edited
from taskvec.vectors.output import OutputOptions

FLOAT32 = OutputOptions(dtype=DType.F32)
OF_THE_MODEL = (
    Case("awd", {"alpha": 0.02}, tasks=4),
    Case("cclip", {"rho": 0.5}, tasks=4),
    Case("geometric_median", tasks=4),
    Case("emr", {"task": "b"}),
    Case("ties", {"trim": "model", "density": 0.3}, tasks=4),
    Case("ties", {"trim": "model", "density": [0.05, 0.5, 0.9], "weight": [0.5, 1.0, 1.0]}),
)


def taus(family: Family, names: str, tensor: str) -> Dense:
    """As they are read: subtracted in float32."""
    base = family.base[tensor].astype(np.float32)
    return np.stack([family.finetuned[n][tensor].astype(np.float32) - base for n in names]).astype(np.float64)


def streamed(
    saved: SavedFamily, names: str, method: str, given: Mapping[str, Any], out: Path, options: RunOptions | None = None
) -> dict[str, np.ndarray]:
    vectors = {name: TaskVector(saved.base, saved.finetuned[name]) for name in names}
    merge = Merge(method, vectors, given, options=options)
    Edited(merge.vector, None).save(out, FLOAT32, options)
    return oracles.load(out)


@pytest.mark.parametrize("case", [case for case in CASES if case.method in ORACLES], ids=str)
def test_a_streamed_merge_is_its_formula(case: Case, family: Family, saved: SavedFamily, tmp_path: Path) -> None:
    names = "abcd"[: case.tasks]
    found = streamed(saved, names, case.method, case.options, tmp_path / "out")
    model = [taus(family, names, tensor) for tensor in oracles.combinable(family.base)]
    more = {"model": model} if case.method in {"cclip", "emr"} else {}
    assert found["empty"].shape == (0, 3)
    for tensor in set(oracles.combinable(family.base)) - {"empty"}:
        base = family.base[tensor].astype(np.float64)
        wanted = ORACLES[case.method](
            taus(family, names, tensor), base, names=list(names), tensor=tensor, **case.options, **more
        )
        np.testing.assert_allclose(found[tensor], wanted, rtol=1e-5, atol=2e-6, err_msg=tensor)


@pytest.mark.parametrize("case", OF_THE_MODEL, ids=str)
def test_a_merge_that_measures_the_model_is_that_of_all_tensors_as_one(
    case: Case, family: Family, saved: SavedFamily, tmp_path: Path
) -> None:
    names, tensors = "abcd"[: case.tasks], oracles.combinable(family.base)
    found = streamed(saved, names, case.method, case.options, tmp_path / "out")
    whole = np.concatenate([taus(family, names, tensor).reshape(case.tasks, -1) for tensor in tensors], axis=1)
    wanted = METHODS[case.method](whole, names=list(names), **case.options)
    flat = np.concatenate([found[tensor].reshape(-1) for tensor in tensors])
    np.testing.assert_allclose(flat, wanted, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("density", [0.1, 0.35, 0.5, 0.62, 0.9, 1.0])
def test_where_many_magnitudes_are_equal_a_model_is_trimmed_in_the_order_of_its_tensors(
    density: float, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    shapes = {"first": (4, 5), "second": (13,), "third": (2, 3, 2)}
    base = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    tuned = {t: {n: rng.integers(-2, 3, s).astype(np.float32) / 4 for n, s in shapes.items()} for t in "abc"}
    saved = Family(base, tuned).save(tmp_path / "models")
    found = streamed(saved, "abc", "ties", {"trim": "model", "density": density}, tmp_path / "out")
    whole = np.stack([np.concatenate([tuned[t][n].reshape(-1) for n in shapes]) for t in "abc"])
    wanted = ORACLES["ties"](whole.astype(np.float64), whole[0], density=density)
    np.testing.assert_allclose(np.concatenate([found[n].reshape(-1) for n in shapes]), wanted, atol=1e-6)
