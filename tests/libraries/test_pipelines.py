"""Diffusers pipelines: every component read, combined and written where it was, loaded again by diffusers."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from taskvec import Store, TaskvecError, TaskVector, edit
from taskvec.checkpoints import open_checkpoint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import diffusers
    import transformers


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def unet() -> torch.nn.Module:
    return diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16, attention_head_dim=4,
    )  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    text = transformers.CLIPTextConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=8,
    )  # fmt: skip
    folder = tmp_path / "base"
    unet().save_pretrained(folder / "unet")
    transformers.CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    diffusers.DDIMScheduler().save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def tuned(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base, tmp_path / "tuned")
    for file in (tmp_path / "tuned").rglob("*.safetensors"):
        save_file({name: value + 0.25 for name, value in load_file(file).items()}, file, {"format": "pt"})
    return tmp_path / "tuned"


def outputs(folder: Path) -> torch.Tensor:
    model = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    encoder = transformers.CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    torch.manual_seed(1)
    with torch.no_grad():
        said = encoder(torch.arange(6)[None]).last_hidden_state
        return model(torch.randn(1, 4, 8, 8), 3, said).sample


def test_a_pipeline_is_merged_component_by_component(base: Path, tuned: Path, tmp_path: Path) -> None:
    with open_checkpoint(base) as opened:
        assert {name.partition(".")[0] for name in opened.tensors} == {"unet", "text_encoder"}
    store = Store.init(tmp_path / "store", base)
    store.add({"style": tuned})
    edit(store, "base + 0.5*style", tmp_path / "out")
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files >= {str(path.relative_to(base)) for path in base.rglob("*") if path.is_file()}
    assert not {name for name in files if name.endswith(".safetensors") and "/" not in name}
    for name in ("unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        before, after = load_file(base / name), load_file(tmp_path / "out" / name)
        for tensor, value in before.items():
            torch.testing.assert_close(after[tensor], value + 0.125 if value.is_floating_point() else value)
    by_hand = tmp_path / "by-hand"
    shutil.copytree(base, by_hand)
    for file in by_hand.rglob("*.safetensors"):
        save_file({name: value + 0.125 for name, value in load_file(file).items()}, file, {"format": "pt"})
    torch.testing.assert_close(outputs(tmp_path / "out"), outputs(by_hand))


def test_weights_by_block_of_a_unet_that_diffusers_saved(base: Path, tuned: Path, tmp_path: Path) -> None:
    """Down: conv_in, a block and its sampler, a block; the middle; up: two blocks of two: nine in all."""
    store = Store.init(tmp_path / "store", base)
    store.add({"style": tuned})
    edit(store, "base + blocks(style, weights=[0, 1], others=0.5)", tmp_path / "out")
    before = load_file(base / "unet" / "diffusion_pytorch_model.safetensors")
    after = load_file(tmp_path / "out" / "unet" / "diffusion_pytorch_model.safetensors")
    places = {
        "conv_in.weight": 0,
        "time_embedding.linear_1.weight": 0,
        "down_blocks.0.attentions.0.norm.weight": 1,
        "down_blocks.0.downsamplers.0.conv.weight": 2,
        "down_blocks.1.resnets.0.conv1.weight": 3,
        "mid_block.resnets.1.conv1.weight": 4,
        "up_blocks.0.resnets.0.conv1.weight": 5,
        "up_blocks.0.upsamplers.0.conv.weight": 6,
        "up_blocks.1.attentions.1.norm.weight": 8,
        "conv_out.weight": 8,
    }
    for name, place in places.items():
        torch.testing.assert_close(after[name], before[name] + 0.25 * place / 8)
    texts = [load_file(folder / "text_encoder" / "model.safetensors") for folder in (base, tmp_path / "out")]
    for name, values in texts[0].items():
        torch.testing.assert_close(texts[1][name], values + 0.125 if values.is_floating_point() else values)


def test_shards_of_components(base: Path, tuned: Path, tmp_path: Path) -> None:
    from taskvec import OutputOptions

    TaskVector(base, tuned).apply_to().save(tmp_path / "out", OutputOptions(shard_size=20_000))
    assert (tmp_path / "out" / "unet" / "diffusion_pytorch_model.safetensors.index.json").is_file()
    torch.testing.assert_close(outputs(tmp_path / "out"), outputs(tuned))


def test_a_missing_component_is_refused(base: Path) -> None:
    shutil.rmtree(base / "text_encoder")
    with pytest.raises(TaskvecError, match=r"text_encoder: is missing, but model_index\.json names it"):
        open_checkpoint(base)


def test_a_variant_beside_the_model_is_not_meant(base: Path) -> None:
    own = base / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(own, own.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert open_checkpoint(base).tensors


def test_an_adapter_of_a_unet_as_diffusers_saves_it(base: Path, tmp_path: Path) -> None:
    import peft

    torch.manual_seed(3)
    model = diffusers.UNet2DConditionModel.from_pretrained(base / "unet")
    model.add_adapter(peft.LoraConfig(r=2, lora_alpha=6, target_modules=["to_q", "to_v"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora" in name:
                parameter.normal_(0, 0.3)
    layers = peft.get_peft_model_state_dict(model)
    diffusers.StableDiffusionPipeline.save_lora_weights(
        tmp_path / "lora", unet_lora_layers=layers, unet_lora_adapter_metadata=model.peft_config["default"].to_dict()
    )
    edited = TaskVector(base, tmp_path / "lora").apply_to()
    model.fuse_lora()
    model.unload_lora()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(torch.from_numpy(edited.read(f"unet.{name}")), value, rtol=0, atol=1e-5)
