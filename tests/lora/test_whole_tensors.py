"""Adapters with what no factors hold: PEFT loads them, and the model is the fine-tuned one but for the cut."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
import transformers
from library_models import llama
from safetensors.torch import load_file, save_file

from taskvec import RunOptions, TaskvecError, TaskVector
from taskvec.adapters import Extraction, Targets, extract_lora, whole_tensors
from taskvec.checkpoints import open_checkpoint
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.streaming import plan_steps
from taskvec.streaming.memory import resident_bytes
from taskvec.streaming.steps import foresee_steps


class Mixed(torch.nn.Module):
    """Layers with biases, a convolution of one dimension, a norm, and a token that lies in no module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.token = torch.nn.Parameter(torch.zeros(4))
        self.conv = torch.nn.Conv1d(3, 4, 2)
        self.norm = torch.nn.LayerNorm(4)
        self.inner = torch.nn.Linear(4, 6)
        self.last = torch.nn.Linear(6, 5)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    torch.manual_seed(0)
    base = {name: value.clone() for name, value in Mixed().state_dict().items()}
    tuned = {name: value + 0.1 * torch.randn_like(value) for name, value in base.items()}
    for name, arrays in (("base", base), ("tuned", tuned)):
        save_file(arrays, tmp_path / f"{name}.safetensors")
    return tmp_path / "base.safetensors", tmp_path / "tuned.safetensors"


def through_peft(base: torch.nn.Module, adapter: Path) -> dict[str, np.ndarray]:
    merged = peft.PeftModel.from_pretrained(base, adapter).merge_and_unload()
    return {name: value.detach().numpy() for name, value in merged.state_dict().items()}


def test_biases_norms_and_convolutions_of_one_dimension(saved: tuple[Path, Path], tmp_path: Path) -> None:
    base, tuned = saved
    result = extract_lora(base, tuned, tmp_path / "lora", rank=4, with_rest=True)
    whole = {"conv.weight", "conv.bias", "norm.weight", "norm.bias", "inner.bias", "last.bias"}
    assert set(result.whole) == whole
    assert set(result.left_out) == {"token"}
    assert 0 < result.relative_error < 0.5
    model = Mixed()
    model.load_state_dict(load_file(base))
    found, wanted, before = through_peft(model, tmp_path / "lora"), load_file(tuned), load_file(base)
    for name in whole:
        np.testing.assert_allclose(found[name], wanted[name].numpy(), atol=1e-6, err_msg=name)
    np.testing.assert_allclose(found["last.weight"], wanted["last.weight"].numpy(), atol=0.2)
    np.testing.assert_array_equal(found["token"], before["token"].numpy())
    with open_checkpoint(f"{base}+{tmp_path / 'lora'}") as ours:
        for name, values in found.items():
            np.testing.assert_allclose(ours.read(name), values, atol=1e-5, err_msg=name)


def test_a_language_model_with_its_norms(saved_base: Path, tmp_path: Path) -> None:
    tuned = transformers.AutoModelForCausalLM.from_pretrained(saved_base)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "embed" not in name:
                parameter.add_(0.05 * torch.randn_like(parameter))
    tuned.save_pretrained(tmp_path / "tuned")
    result = extract_lora(saved_base, tmp_path / "tuned", tmp_path / "lora", rank=32, with_rest=True)
    assert not result.left_out
    assert all("norm" in name for name in result.whole)
    wanted = {name: value.detach().numpy() for name, value in tuned.state_dict().items()}
    plain = llama()
    plain.load_state_dict(transformers.AutoModelForCausalLM.from_pretrained(saved_base).state_dict())
    for name, values in through_peft(plain, tmp_path / "lora").items():
        np.testing.assert_allclose(values, wanted[name], atol=2e-5, err_msg=name)


def test_without_it_the_adapter_is_as_it_was(saved: tuple[Path, Path], tmp_path: Path) -> None:
    result = extract_lora(*saved, tmp_path / "lora", rank=2)
    assert result.whole == ()
    assert "norm.weight" in result.left_out
    config = json.loads((tmp_path / "lora" / "adapter_config.json").read_text())
    assert (config["bias"], config["modules_to_save"]) == ("none", None)


def test_a_bias_beside_a_layer_that_was_not_asked_for(saved: tuple[Path, Path], tmp_path: Path) -> None:
    base, tuned = saved
    targets = Targets(exclude=("inner.weight",))
    result = extract_lora(base, tuned, tmp_path / "lora", rank=4, targets=targets, with_rest=True)
    assert "inner.bias" in result.whole
    assert set(result.left_out) == {"token", "inner.weight"}
    model = Mixed()
    model.load_state_dict(load_file(base))
    found = through_peft(model, tmp_path / "lora")
    np.testing.assert_allclose(found["inner.bias"], load_file(tuned)["inner.bias"].numpy(), atol=1e-6)
    np.testing.assert_array_equal(found["inner.weight"], load_file(base)["inner.weight"].numpy())


def test_a_tensor_that_does_not_fit_whole_is_refused(tmp_path: Path) -> None:
    arrays = {"big.weight": torch.zeros(64, 1024, 1024), "last.weight": torch.zeros(4, 4)}
    save_file(arrays, tmp_path / "base.safetensors")
    save_file({**arrays, "last.weight": torch.ones(4, 4)}, tmp_path / "tuned.safetensors")
    small = RunOptions(memory=resident_bytes() + (1 << 29))  # whatever other tests have imported
    with pytest.raises(TaskvecError, match=r"tensor big.weight .* does not fit whole"):
        extract_lora(
            tmp_path / "base.safetensors", tmp_path / "tuned.safetensors", tmp_path / "lora", rank=1, options=small,
            with_rest=True,
        )  # fmt: skip


def test_what_cannot_be_held_whole_need_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_tensors, "_HELD", 1 << 40)
    arrays = {"token": torch.zeros(4), "norm.weight": torch.zeros(4), "last.weight": torch.zeros(4, 4)}
    for name in ("token", "norm.weight"):
        kept = {key: values for key, values in arrays.items() if key in {name, "last.weight"}}
        save_file(kept, tmp_path / f"{name}.safetensors")
    extraction = partial(Extraction, rule=RankRule(rank=1), options=RunOptions(memory=8 << 30), with_rest=True)
    plan_steps(extraction(_of(tmp_path / "token.safetensors")).extracting(tmp_path / "lora"), RunOptions())
    with pytest.raises(TaskvecError, match=r"norm.weight \[4\] does not fit whole in 8"):
        extraction(_of(tmp_path / "norm.weight.safetensors")).save(tmp_path / "lora")


def _of(model: Path) -> TaskVector:
    return TaskVector(model, model)


@pytest.mark.parametrize("rule", [RankRule(rank=2), RankRule(energy=0.9)])
def test_a_plan_is_what_an_extraction_does_and_says_what_is_free(
    saved: tuple[Path, Path], tmp_path: Path, rule: RankRule
) -> None:
    extraction = Extraction(TaskVector(*saved), rule, with_rest=True)
    seen = foresee_steps(extraction.extracting(tmp_path / "lora"), RunOptions())
    plan = plan_steps(extraction.extracting(tmp_path / "lora"), RunOptions())
    assert [planned.label.split()[0] for planned in plan.passes] == ["cut", "inner"]
    assert (plan.output_bytes > 0, plan.free_disk_bytes is not None) == (rule.rank is not None, True)
    assert not list(tmp_path.glob("*lora*"))
    result = extraction.save(tmp_path / "lora")
    assert (seen.result.out, seen.result.files) == (result.out, result.files)
    there = load_file(tmp_path / "lora" / "adapter_model.safetensors").values()
    assert seen.result.num_params >= result.num_params == sum(values.numel() for values in there)
    assert result.num_bytes == sum(values.nbytes for values in there)
    assert [matrix.name for matrix in seen.result.matrices] == [matrix.name for matrix in result.matrices]
    assert all(np.isnan(matrix.energy) for matrix in seen.result.matrices)
