"""Adapters in one file, as kohya's trainer and diffusers name them; α from where each of them keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from taskvec import TaskvecError, TaskVector
from taskvec.testing.checkpoints import Array, save_safetensors

Arrays = dict[str, Array]

UNET = "down_blocks.0.attentions.0.to_q"
CONV = "down_blocks.0.resnets.0.conv1"
TEXT = "text_model.encoder.layers.0.mlp.fc1"
SHAPES = {UNET: (6, 5), CONV: (6, 4, 3, 3), TEXT: (8, 5)}
RANK = 2

LAYOUTS = {  # of the base: component of each module
    "diffusers": {UNET: "unet.", CONV: "unet.", TEXT: "text_encoder."},
    "one file": {UNET: "model.diffusion_model.", CONV: "model.diffusion_model.", TEXT: "cond_stage_model.transformer."},
}


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


FACTORS = {
    module: (
        rng().standard_normal((shape[0], RANK, *(1 for _ in shape[2:])), np.float32),
        rng().standard_normal((RANK, *shape[1:]), np.float32),
    )
    for module, shape in SHAPES.items()
}


def truth(module: str, scale: float) -> Array:
    up, down = FACTORS[module]
    product = up.reshape(len(up), RANK).astype(np.float64) @ down.reshape(RANK, -1)
    return scale * product.reshape(SHAPES[module])


def kohya(module: str) -> str:
    return ("lora_te_" if module == TEXT else "lora_unet_") + module.replace(".", "_")


def diffusers(module: str) -> str:
    return ("text_encoder." if module == TEXT else "unet.") + module


def diffusers_of_old(module: str) -> str:
    return diffusers(module).replace("to_q", "processor.to_q")


STYLES = {
    "kohya": (kohya, ".lora_down.weight", ".lora_up.weight"),
    "diffusers": (diffusers, ".lora_A.weight", ".lora_B.weight"),
    "diffusers of 2023": (diffusers_of_old, "_lora.down.weight", "_lora.up.weight"),
    "diffusers, linear layers": (diffusers, ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
}


def save_base(path: Path, layout: str) -> Path:
    prefixes = LAYOUTS[layout]
    return save_safetensors(path, {f"{prefixes[m]}{m}.weight": np.zeros(s, np.float32) for m, s in SHAPES.items()})


def named_factors(style: str) -> Arrays:
    name, down, up = STYLES[style]
    pairs = {m: FACTORS[m] for m in SHAPES}
    return {
        name(m) + suffix: array for m, pair in pairs.items() for suffix, array in zip((up, down), pair, strict=True)
    }


def deltas(base: Path, adapter: Path, layout: str) -> dict[str, Array]:
    edited = TaskVector(base, adapter).apply_to()
    return {module: edited.read(f"{LAYOUTS[layout][module]}{module}.weight") for module in SHAPES}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("style", STYLES)
def test_a_style_on_a_layout(tmp_path: Path, style: str, layout: str) -> None:
    base = save_base(tmp_path / "base.safetensors", layout)
    adapter = save_safetensors(tmp_path / "style.safetensors", named_factors(style))
    if style != "kohya" and layout == "one file":
        with pytest.raises(TaskvecError, match="another layout"):
            deltas(base, adapter, layout)
        return
    for module, found in deltas(base, adapter, layout).items():
        np.testing.assert_allclose(found, truth(module, 1.0), rtol=1e-5, atol=1e-5, err_msg=module)


def test_alpha_is_a_tensor_of_kohya_and_a_note_of_diffusers(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base.safetensors", "diffusers")
    alphas = {f"{kohya(UNET)}.alpha": np.float32(3).reshape(()), f"{kohya(CONV)}.alpha": np.float16(1).reshape(())}
    one = save_safetensors(tmp_path / "kohya.safetensors", {**named_factors("kohya"), **alphas})
    expected = {UNET: 1.5, CONV: 0.5, TEXT: 1.0}
    for module, found in deltas(base, one, "diffusers").items():
        np.testing.assert_allclose(found, truth(module, expected[module]), rtol=1e-5, atol=1e-5)
    note = {"unet.r": RANK, "unet.lora_alpha": 6, "unet.alpha_pattern": {"conv1": 1}}
    metadata = {"lora_adapter_metadata": json.dumps(note)}
    two = save_safetensors(tmp_path / "diffusers.safetensors", named_factors("diffusers"), metadata=metadata)
    expected = {UNET: 3.0, CONV: 0.5, TEXT: 1.0}
    for module, found in deltas(base, two, "diffusers").items():
        np.testing.assert_allclose(found, truth(module, expected[module]), rtol=1e-5, atol=1e-5)


REFUSED = {
    "dora_scale": "DoRA",
    "hada_w1_a": "LoHa",
    "lokr_w1": "LoKr",
    "lora_mid.weight": "Tucker",
    "oft_diag": "OFT",
    "diff": "belongs to no pair",
}


@pytest.mark.parametrize("mark", REFUSED)
def test_other_kinds_are_refused_by_name(tmp_path: Path, mark: str) -> None:
    base = save_base(tmp_path / "base.safetensors", "diffusers")
    arrays = {**named_factors("kohya"), f"{kohya(UNET)}.{mark}": np.ones((2, 2), np.float32)}
    adapter = save_safetensors(tmp_path / "odd.safetensors", arrays)
    with pytest.raises(TaskvecError, match=REFUSED[mark]):
        TaskVector(base, adapter)
