"""Quantised checkpoints are refused by name, plain float8 is not."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from taskvec import TaskVector
from taskvec.checkpoints import open_checkpoint
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import Array, save_folder, save_safetensors

CODES = np.zeros((4, 4), np.int32)
SCALES = np.ones((1, 4), np.float16)
EIGHT = np.ones((4, 4), ml_dtypes.float8_e4m3fn)

QUANTIZED: dict[str, dict[str, Array]] = {
    "GPTQ": {"q.qweight": CODES, "q.qzeros": CODES, "q.scales": SCALES, "q.g_idx": CODES[0]},
    "AWQ": {"q.qweight": CODES, "q.qzeros": CODES, "q.scales": SCALES},
    "bitsandbytes 4-bit": {
        "q.weight": CODES.astype(np.uint8),
        "q.weight.absmax": SCALES[0],
        "q.weight.quant_state.bitsandbytes__nf4": CODES[0].astype(np.uint8),
    },
    "bitsandbytes 8-bit": {"q.weight": CODES.astype(np.int8), "q.SCB": SCALES[0]},
    "FP8 with scales": {"q.weight": EIGHT, "q.weight_scale_inv": SCALES},
    "compressed-tensors": {"q.weight_packed": CODES, "q.weight_scale": SCALES},
    "MXFP4": {"experts.gate_up_proj_blocks": CODES.astype(np.uint8), "experts.gate_up_proj_scales": SCALES},
}


@pytest.mark.parametrize("kind", QUANTIZED)
def test_a_quantised_model_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    save_folder(tmp_path / "model", QUANTIZED[kind])
    for ref in (tmp_path / "model", tmp_path / "model" / "model.safetensors"):
        with pytest.raises(CheckpointError) as caught:
            open_checkpoint(ref)
        assert f"is quantised ({kind};" in str(caught.value)
        assert "bf16" in str(caught.value)


def test_gguf_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    for ref in (tmp_path, tmp_path / "model.gguf"):
        with pytest.raises(CheckpointError, match=r"is GGUF, .*gguf_file"):
            open_checkpoint(ref)


@pytest.mark.parametrize("dtype", [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2])
def test_plain_float8_is_combined_and_rounded_once(tmp_path: Path, dtype: type) -> None:
    rng = np.random.default_rng(0)
    base = {"w": rng.standard_normal((9, 7)).astype(dtype)}
    tuned = {"w": (base["w"].astype(np.float32) * 1.5).astype(dtype)}
    vector = TaskVector(
        save_safetensors(tmp_path / "b.safetensors", base), save_safetensors(tmp_path / "t.safetensors", tuned)
    )
    vector.apply_to(scaling=0.5).save(tmp_path / "out")
    with open_checkpoint(tmp_path / "out") as out:
        found = out.read("w").view(dtype)
    exact = 0.5 * (base["w"].astype(np.float32) + tuned["w"].astype(np.float32))
    assert found.tobytes() == exact.astype(dtype).tobytes()


def test_a_scale_beside_ordinary_weights_is_a_parameter(tmp_path: Path) -> None:
    arrays = {"q.weight": np.ones((2, 2), np.float32), "q.weight_scale": np.ones(2, np.float32)}
    assert len(open_checkpoint(save_folder(tmp_path, arrays)).tensors) == 2
