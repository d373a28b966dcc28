"""Adapters that PEFT itself wrote: our arithmetic on factors against PEFT's own merged models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import peft
import pytest
import torch
import transformers
from library_models import Convolutions, Save, gpt2, save_on
from safetensors.torch import save_file

from taskvec import Store, TaskVector
from taskvec.checkpoints import open_checkpoint
from taskvec.vectors.forms import LowRank

State = dict[str, np.ndarray]

VARIETIES = {
    "plain": {"r": 4, "lora_alpha": 7, "target_modules": ["q_proj", "v_proj", "down_proj"]},
    "rank stabilised": {"r": 4, "lora_alpha": 7, "use_rslora": True, "target_modules": ["q_proj"]},
    "patterns": {
        "r": 4, "lora_alpha": 7, "target_modules": ["q_proj", "up_proj"],
        "rank_pattern": {"up_proj": 2, "layers.1.self_attn.q_proj": 6}, "alpha_pattern": {"up_proj": 3},
    },
    "embedding and head": {"r": 3, "target_modules": ["embed_tokens", "lm_head"]},
    "saved modules": {"r": 3, "target_modules": ["q_proj"], "modules_to_save": ["lm_head", "norm"]},
}  # fmt: skip


def merged_by_peft(model: torch.nn.Module, adapter: Path) -> State:
    merged = peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return {name: value.detach().numpy().copy() for name, value in merged.state_dict().items()}


def by_hand(base: Path, adapter: Path) -> State:
    edited = TaskVector(base, adapter).apply_to()
    with open_checkpoint(base) as checkpoint:
        return {name: edited.read(name) for name in checkpoint.tensors}


def assert_same(ours: State, theirs: State) -> None:
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=0, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("variety", VARIETIES)
def test_every_variety_is_what_peft_merges(variety: str, saved_base: Path, save_adapter: Save) -> None:
    adapter = save_adapter(saved_base, "adapter", **VARIETIES[variety])
    theirs = merged_by_peft(transformers.AutoModelForCausalLM.from_pretrained(saved_base), adapter)
    untouched = transformers.AutoModelForCausalLM.from_pretrained(saved_base).state_dict()
    ours = by_hand(saved_base, adapter)
    assert any(np.abs(ours[name] - untouched[name].numpy()).max() > 1e-3 for name in ours)
    assert_same(ours, theirs)


def test_conv1d_layers_keep_their_matrices_transposed(tmp_path: Path, seeded: None, save_adapter: Save) -> None:
    gpt2().save_pretrained(tmp_path / "gpt2")
    adapter = save_adapter(tmp_path / "gpt2", "adapter", r=3, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True)
    theirs = merged_by_peft(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "gpt2"), adapter)
    assert_same(by_hand(tmp_path / "gpt2", adapter), theirs)


def test_convolutions_and_biases(tmp_path: Path, seeded: None) -> None:
    model = Convolutions()
    save_file(model.state_dict(), tmp_path / "base.safetensors")
    config = {"r": 2, "lora_alpha": 5, "target_modules": ["first", "second", "last"], "bias": "all"}
    adapter = save_on(model, tmp_path / "adapter", **config)
    plain = Convolutions()
    plain.load_state_dict({n: v for n, v in model.state_dict().items() if n in plain.state_dict()}, strict=False)
    from safetensors.torch import load_file

    plain.load_state_dict(load_file(tmp_path / "base.safetensors"))
    assert_same(by_hand(tmp_path / "base.safetensors", adapter), merged_by_peft(plain, adapter))


def test_a_model_with_an_adapter_is_the_merged_model(saved_base: Path, save_adapter: Save) -> None:
    one = save_adapter(saved_base, "one", seed=1, **VARIETIES["plain"])
    two = save_adapter(saved_base, "two", seed=2, **VARIETIES["patterns"])
    theirs = merged_by_peft(transformers.AutoModelForCausalLM.from_pretrained(saved_base), one)
    with open_checkpoint(f"{saved_base}+{one}") as model:
        assert_same({name: model.read(name) for name in model.tensors}, theirs)
    with open_checkpoint(f"{saved_base}+{one}+{two}") as model:
        both = by_hand(saved_base, two)
        base = {
            n: v.numpy() for n, v in transformers.AutoModelForCausalLM.from_pretrained(saved_base).state_dict().items()
        }
        assert_same({n: model.read(n) for n in model.tensors}, {n: theirs[n] + both[n] - base[n] for n in both})


def test_the_base_with_an_adapter_keeps_its_factors(saved_base: Path, save_adapter: Save) -> None:
    adapter = save_adapter(saved_base, "adapter", **VARIETIES["plain"])
    (form,) = TaskVector(saved_base, f"{saved_base}+{adapter}").terms
    assert isinstance(form, LowRank)
    assert {product.rank for name in form.source.checkpoint.tensors for product in form.products(name) or ()} == {4}


def test_an_adapter_on_another_fine_tune_is_a_difference(tmp_path: Path, saved_base: Path, save_adapter: Save) -> None:
    adapter = save_adapter(saved_base, "adapter", **VARIETIES["plain"])
    model = transformers.AutoModelForCausalLM.from_pretrained(saved_base)
    with torch.no_grad():
        model.model.norm.weight.add_(0.5)
    model.save_pretrained(tmp_path / "tuned")
    store = Store.init(tmp_path / "store", saved_base)
    # the tuned model is not the recorded base: the record must be corrected first
    config = (adapter / "adapter_config.json").read_text().replace(str(saved_base), str(tmp_path / "tuned"))
    (adapter / "adapter_config.json").write_text(config)
    (document,) = store.add({"both": f"{tmp_path / 'tuned'}+{adapter}"})
    assert document.form == "difference"
    theirs = merged_by_peft(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "tuned"), adapter)
    edited = Store(store.path)["both"].apply_to()
    assert_same({name: edited.read(name) for name in theirs}, theirs)
    assert store.verify() == []
