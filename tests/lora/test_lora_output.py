"""Adapters that we wrote: as near as a rank allows, and what PEFT makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import peft
import pytest
import torch
import transformers
from library_models import Convolutions, Save, gpt2, llama
from safetensors.torch import load_file, save_file

from taskvec import Store, TaskvecError, TaskVector
from taskvec.adapters import Targets, extract_lora
from taskvec.checkpoints import open_checkpoint
from taskvec.editing.edit import Editing
from taskvec.editing.lora_output import save_as_lora
from taskvec.editing.scope.over_store import ground_of
from taskvec.linalg.subspaces.rank_rule import RankRule

State = dict[str, np.ndarray]


def state(model: torch.nn.Module) -> State:
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}


def perturbed(model: torch.nn.Module, rank: int | None, size: float = 0.1) -> torch.nn.Module:
    """Change every matrix, by low rank if one is given, and nothing else."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() < 2:
                continue
            flat = parameter.reshape(len(parameter), -1)
            left, right = torch.randn(len(flat), rank or len(flat)), torch.randn(rank or len(flat), flat.shape[1])
            parameter.add_((size * left @ right).reshape(parameter.shape))
    return model


def best_error(delta: np.ndarray, rank: int) -> float:
    values = np.linalg.svd(delta.reshape(len(delta), -1).astype(np.float64), compute_uv=False)
    return float(np.sqrt((values[rank:] ** 2).sum() / (values**2).sum()))


@pytest.fixture
def tuned(tmp_path: Path, saved_base: Path) -> Path:
    model = perturbed(transformers.AutoModelForCausalLM.from_pretrained(saved_base), None)
    model.save_pretrained(tmp_path / "tuned")
    return tmp_path / "tuned"


def loaded(base: torch.nn.Module, adapter: Path) -> torch.nn.Module:
    return peft.PeftModel.from_pretrained(base, adapter)


@pytest.mark.parametrize("rank", [1, 5])
def test_no_adapter_of_that_rank_is_nearer(tmp_path: Path, saved_base: Path, tuned: Path, rank: int) -> None:
    result = extract_lora(saved_base, tuned, tmp_path / "lora", rank=rank)
    before, after = (
        state(transformers.AutoModelForCausalLM.from_pretrained(saved_base)),
        load_file(tuned / "model.safetensors"),
    )
    assert {matrix.rank for matrix in result.matrices} == {rank}
    for matrix in result.matrices:
        assert matrix.error == pytest.approx(
            best_error(after[matrix.name].numpy() - before[matrix.name], rank), rel=1e-4
        )
    assert set(result.left_out) == {"model.embed_tokens.weight"}
    assert result.relative_error > result.truncation_error


def test_an_allowed_error_is_kept_by_every_matrix(tmp_path: Path, saved_base: Path, tuned: Path) -> None:
    result = extract_lora(saved_base, tuned, tmp_path / "lora", max_error=0.3)
    assert all(matrix.error <= 0.3 for matrix in result.matrices)
    assert len({matrix.rank for matrix in result.matrices}) > 1
    before, after = (
        state(transformers.AutoModelForCausalLM.from_pretrained(saved_base)),
        load_file(tuned / "model.safetensors"),
    )
    for matrix in result.matrices:
        assert best_error(after[matrix.name].numpy() - before[matrix.name], matrix.rank - 1) > 0.3


def outputs(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(8)[None]).logits


@pytest.mark.parametrize("make", [llama, gpt2], ids=["linear layers", "Conv1D layers"])
def test_peft_loads_what_we_write(tmp_path: Path, seeded: None, make: object) -> None:
    """A change of low rank comes back whole, untied embeddings included: outputs are those of the fine-tuned model."""
    make().save_pretrained(tmp_path / "base")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    tied = model.config.tie_word_embeddings
    kept = model.get_input_embeddings().weight.detach().clone() if tied else None
    perturbed(model, 2, size=0.02)
    if tied:
        model.get_input_embeddings().weight.data.copy_(kept)
    model.save_pretrained(tmp_path / "tuned")
    embeddings = {"llama": "model.embed_tokens.weight", "gpt2": "transformer.w[tp]e.weight"}[model.config.model_type]
    include = ("*.weight", embeddings)
    result = extract_lora(
        tmp_path / "base", tmp_path / "tuned", tmp_path / "lora", max_error=1e-5, targets=Targets(include)
    )
    assert result.relative_error < 1e-5
    assert max(matrix.rank for matrix in result.matrices) <= 2
    fresh = loaded(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base"), tmp_path / "lora")
    torch.testing.assert_close(outputs(fresh), outputs(model), rtol=1e-4, atol=1e-5)


def test_peft_loads_convolutions(tmp_path: Path, seeded: None) -> None:
    model = Convolutions().eval()
    save_file(model.state_dict(), tmp_path / "base.safetensors")
    tuned = perturbed(model, None, size=0.02)
    save_file(tuned.state_dict(), tmp_path / "tuned.safetensors")
    extract_lora(tmp_path / "base.safetensors", tmp_path / "tuned.safetensors", tmp_path / "lora", max_error=1e-6)
    fresh = Convolutions().eval()
    fresh.load_state_dict(load_file(tmp_path / "base.safetensors"))
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(loaded(fresh, tmp_path / "lora")(images), tuned(images), rtol=1e-4, atol=1e-5)


def test_an_expression_over_adapters_is_recompressed_from_factors(
    tmp_path: Path, saved_base: Path, save_adapter: Save
) -> None:
    modules = ["q_proj", "down_proj"]
    refs = {name: save_adapter(saved_base, name, seed=s, r=3, target_modules=modules) for s, name in enumerate("ab")}
    store = Store.init(tmp_path / "store", saved_base)
    store.add(refs)
    over = ground_of(store)
    exact = save_as_lora(Editing.of(over, "base + 0.5*(a + b)"), tmp_path / "six", RankRule(rank=6), Targets())
    assert exact.truncation_error < 1e-6
    small = save_as_lora(Editing.of(over, "0.5*(a + b)"), tmp_path / "two", RankRule(rank=2), Targets())
    for matrix in small.matrices:
        delta = 0.5 * sum(
            TaskVector(saved_base, ref).apply_to().read(matrix.name).astype(np.float64) for ref in refs.values()
        )
        with open_checkpoint(saved_base) as base:
            delta -= base.read(matrix.name)
        if matrix.rank:
            assert matrix.error == pytest.approx(best_error(delta, 2), rel=1e-4)
    total = 0.5 * (store["a"] + store["b"])
    again = TaskVector(saved_base, tmp_path / "six")
    assert (again - TaskVector.from_terms(again.base, total.terms)).norm() < 1e-5 * total.norm()


def test_the_same_bits_for_any_number_of_workers(tmp_path: Path, saved_base: Path, tuned: Path) -> None:
    from taskvec import RunOptions

    for workers in (1, 2):
        extract_lora(saved_base, tuned, tmp_path / str(workers), rank=3, options=RunOptions(workers=workers))
    files = [(tmp_path / str(workers) / "adapter_model.safetensors").read_bytes() for workers in (1, 2)]
    assert files[0] == files[1]


def test_patterns_that_match_nothing_are_refused(tmp_path: Path, saved_base: Path, tuned: Path) -> None:
    with pytest.raises(TaskvecError, match="matches no tensor"):
        extract_lora(saved_base, tuned, tmp_path / "lora", rank=2, targets=Targets(("*.nothing",)))
    with pytest.raises(TaskvecError, match="--rank R or --max-error E"):
        extract_lora(saved_base, tuned, tmp_path / "lora")
    only = extract_lora(saved_base, tuned, tmp_path / "lora", rank=2, targets=Targets(("*q_proj*",), ("*.1.*",)))
    assert [matrix.name for matrix in only.matrices] == ["model.layers.0.self_attn.q_proj.weight"]


def test_a_merge_as_an_adapter(tmp_path: Path, saved_base: Path, save_adapter: Save) -> None:
    refs = {n: save_adapter(saved_base, n, seed=s, r=3, target_modules=["q_proj"]) for s, n in enumerate("ab")}
    store = Store.init(tmp_path / "store", saved_base)
    store.add(refs)
    editing = Editing.of(ground_of(store), "base + ties(a, b, density=0.5)")
    result = save_as_lora(editing, tmp_path / "lora", RankRule(energy=1 - 1e-8), Targets())
    assert result.truncation_error < 1e-4
    merged, found = editing.edited.vector, TaskVector(saved_base, tmp_path / "lora")
    assert (found - TaskVector.from_terms(found.base, merged.terms)).norm() < 1e-4 * merged.norm()
