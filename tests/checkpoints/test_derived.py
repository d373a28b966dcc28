"""Checkpoints that are computed as they are read: any elements, from any offset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.checkpoints.derived import Remainder, derived
from taskvec.checkpoints.products import Product, Stored, SumOfProducts
from taskvec.checkpoints.stacked import stacked
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import save_safetensors
from taskvec.types import DType, TensorInfo

SHAPE = (300, 260)


@pytest.fixture
def stored(tmp_path: Path) -> Checkpoint:
    rng = np.random.default_rng(0)
    arrays = {
        "left": rng.standard_normal((300, 4), dtype=np.float32),
        "right": rng.standard_normal((4, 260), dtype=np.float32),
        "other_left": rng.standard_normal((300, 2), dtype=np.float32),
        "other_right": rng.standard_normal((2, 260), dtype=np.float32),
        "tuned": rng.standard_normal(SHAPE).astype(ml_dtypes.bfloat16),
        "base": rng.standard_normal(SHAPE).astype(np.float16),
    }
    return open_checkpoint(save_safetensors(tmp_path / "stored.safetensors", arrays))


def _derived(stored: Checkpoint) -> Checkpoint:
    product = SumOfProducts(
        (Product.of_stored(stored, "left", "right"), Product.of_stored(stored, "other_left", "other_right"))
    )
    shared = derived("shared", {TensorInfo("product", DType.F32, SHAPE): product}, [stored])
    remainder = Remainder(Stored(stored, "tuned"), (Stored(stored, "base"), Stored(shared, "product")))
    sources = {TensorInfo("product", DType.F32, SHAPE): product, TensorInfo("remainder", DType.F32, SHAPE): remainder}
    return derived("derived", sources, [stored, shared])


def _dense(stored: Checkpoint) -> dict[str, np.ndarray]:
    values = {name: stored.read(name).astype(np.float64) for name in stored.tensors if name != "tuned"}
    values["base"] = stored.read("base").view(np.float16).astype(np.float64)
    values["tuned"] = stored.read("tuned").view(ml_dtypes.bfloat16).astype(np.float64)
    product = values["left"] @ values["right"] + values["other_left"] @ values["other_right"]
    return {"product": product, "remainder": values["tuned"] - values["base"] - product}


@pytest.mark.parametrize("name", ["product", "remainder"])
def test_the_values_are_those_of_dense_arithmetic(stored: Checkpoint, name: str) -> None:
    np.testing.assert_allclose(_derived(stored).read(name), _dense(stored)[name], atol=1e-5)


@pytest.mark.parametrize("name", ["product", "remainder"])
@pytest.mark.parametrize(("start", "count"), [(0, 1), (259, 3), (1000, 70_000), (77_999, 1), (5, 0)])
def test_any_elements_have_the_bits_of_the_whole(stored: Checkpoint, name: str, start: int, count: int) -> None:
    computed = _derived(stored)
    part = np.empty(count, np.float32)
    computed.read_into(name, start, part)
    assert part.tobytes() == computed.read(name).reshape(-1)[start : start + count].tobytes()


def test_a_stack_has_the_side_files_of_its_first_part_wherever_they_lie(stored: Checkpoint, tmp_path: Path) -> None:
    first = replace(stored, path=tmp_path / "nowhere", home=tmp_path / "there", sidecars=(Path("config.json"),))
    whole = stacked("whole", [(first, lambda name: name), (stored, lambda _: None)])
    assert (whole.path, whole.root, whole.sidecars) == (first.path, first.root, first.sidecars)
    assert set(whole.tensors) == set(stored.tensors)
    whole.close()
    with pytest.raises(CheckpointError, match="is closed"):
        stored.read("base")


def test_it_changes_when_the_files_of_its_origins_do(stored: Checkpoint) -> None:
    assert _derived(stored).files == stored.files
