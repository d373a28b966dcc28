"""The unique part of a low-rank vector: its products less those of its shared part, wherever either has any."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.derived import derived
from taskvec.checkpoints.products import Factor, Product, Stored, SumOfProducts
from taskvec.store.parts import low_rank_unique_part
from taskvec.testing.checkpoints import save_safetensors
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import LowRank, Source

SHAPE = (4, 3)


def low_rank(path: Path, scales: dict[str, float], seed: int) -> tuple[LowRank, dict[str, np.ndarray]]:
    """A vector of one product in some tensors, and the same dense."""
    rng = np.random.default_rng(seed)
    factors = {}
    for name in scales:
        factors[f"{name}.left"] = rng.standard_normal((4, 2)).astype(np.float32)
        factors[f"{name}.right"] = rng.standard_normal((2, 3)).astype(np.float32)
    raw = open_checkpoint(save_safetensors(path, factors))
    sources: Any = {
        TensorInfo(name, DType.F32, SHAPE): SumOfProducts(
            (Product(Factor(Stored(raw, f"{name}.left")), Factor(Stored(raw, f"{name}.right")), scale),)
        )
        for name, scale in scales.items()
    }
    form = LowRank(Source(str(path), derived(str(path), sources, [raw])))
    return form, {name: scale * factors[f"{name}.left"] @ factors[f"{name}.right"] for name, scale in scales.items()}


def test_it_is_the_whole_less_the_shared_in_every_tensor_of_either(tmp_path: Path) -> None:
    whole, dense = low_rank(tmp_path / "whole.safetensors", {"both": 2.0, "own": 0.5}, 1)
    shared, common = low_rank(tmp_path / "shared.safetensors", {"both": 3.0, "common": -1.0}, 2)
    document: Any = SimpleNamespace(name="unique", source=SimpleNamespace(fingerprint="print"))
    unique = low_rank_unique_part(document, whole, shared)
    assert unique.identity == "dense print"
    assert unique.source.is_hashed
    checkpoint = unique.source.checkpoint
    found = {name: checkpoint.read(name) for name in checkpoint.tensors}
    wanted = {"both": dense["both"] - common["both"], "own": dense["own"], "common": -common["common"]}
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)
    assert {name: len(unique.products(name) or ()) for name in found} == {"both": 2, "own": 1, "common": 1}
