"""Tiny models of the families that people merge: made by their library, merged by us, loaded back by the library."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from taskvec import TaskVector

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import diffusers
    import transformers as hf

Make = Callable[[], torch.nn.Module]

TEXT = {"vocab_size": 48, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
IMAGE = {"image_size": 16, "patch_size": 8, "num_channels": 3}
IDS = torch.arange(5)[None]
PIXELS = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)


def whisper() -> torch.nn.Module:
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_mel_bins": 8, "max_source_positions": 10}
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    return hf.WhisperForConditionalGeneration(hf.WhisperConfig(vocab_size=48, **sizes, **heads, **special))


def clip() -> torch.nn.Module:
    text = {**TEXT, "max_position_embeddings": 8, "eos_token_id": 4}
    vision = {key: value for key, value in TEXT.items() if key != "vocab_size"} | IMAGE
    return hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))


def mixtral() -> torch.nn.Module:
    return hf.MixtralForCausalLM(hf.MixtralConfig(**TEXT, num_key_value_heads=2, num_local_experts=3))


def t5() -> torch.nn.Module:
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": 48}
    return hf.T5ForConditionalGeneration(hf.T5Config(**sizes, decoder_start_token_id=0))


def dit() -> torch.nn.Module:
    return diffusers.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=3, out_channels=6, num_layers=1, sample_size=16,
        patch_size=8, norm_num_groups=1, num_embeds_ada_norm=10,
    )  # fmt: skip


LLAMA = {**TEXT, "num_key_value_heads": 2}
FAMILIES: dict[str, tuple[Make, dict[str, Any]]] = {
    "Llama, untied": (lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA)), {"input_ids": IDS}),
    "Llama, tied": (
        lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA, tie_word_embeddings=True)), {"input_ids": IDS}
    ),
    "Qwen3, norms of queries and keys": (
        lambda: hf.Qwen3ForCausalLM(hf.Qwen3Config(**LLAMA, head_dim=8)), {"input_ids": IDS}
    ),
    "Mixtral, experts": (mixtral, {"input_ids": IDS}),
    "GPT-2, Conv1D": (
        lambda: hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=48, n_positions=8, n_embd=16, n_layer=2, n_head=2)),
        {"input_ids": IDS},
    ),
    "BERT classifier": (
        lambda: hf.BertForSequenceClassification(hf.BertConfig(**TEXT, max_position_embeddings=8)), {"input_ids": IDS}
    ),
    "T5": (t5, {"input_ids": IDS, "decoder_input_ids": IDS}),
    "CLIP": (clip, {"input_ids": IDS, "pixel_values": PIXELS}),
    "ViT": (
        lambda: hf.ViTForImageClassification(
            hf.ViTConfig(**{key: value for key, value in TEXT.items() if key != "vocab_size"}, **IMAGE)
        ),
        {"pixel_values": PIXELS},
    ),
    "Whisper": (whisper, {"input_features": torch.ones(1, 8, 20), "decoder_input_ids": IDS}),
    "DiT": (dit, {"hidden_states": PIXELS, "timestep": torch.tensor([3]), "class_labels": torch.tensor([1])}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def outputs(model: torch.nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**inputs)[0]


def moved(model: torch.nn.Module, size: float) -> torch.nn.Module:
    """Add noise to every parameter; the same noise at any size."""
    other = copy.deepcopy(model)
    torch.manual_seed(11)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return other


@pytest.mark.parametrize("family", FAMILIES)
def test_what_we_merge_is_what_arithmetic_in_memory_gives(family: str, tmp_path: Path) -> None:
    make, inputs = FAMILIES[family]
    torch.manual_seed(0)
    base = make()
    base.save_pretrained(tmp_path / "base")
    moved(base, 0.2).save_pretrained(tmp_path / "tuned")
    TaskVector(tmp_path / "base", tmp_path / "tuned").apply_to(scaling=0.5).save(tmp_path / "out")
    found = outputs(type(base).from_pretrained(tmp_path / "out"), inputs)
    torch.testing.assert_close(found, outputs(moved(base, 0.1), inputs), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, outputs(base, inputs), atol=1e-3)
