"""A model that transformers names otherwise in memory than in its files is moved by its files' task vectors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from taskvec import Store, edit
from taskvec.evaluation import InPlace, read_direction

CONFIG = Dinov2Config(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, image_size=28)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    torch.manual_seed(0)
    model = Dinov2Model(CONFIG)
    model.save_pretrained(tmp_path / "base")
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    model.save_pretrained(tmp_path / "tuned")
    store = Store.init(tmp_path / "store", tmp_path / "base")
    store.add({"tuned": tmp_path / "tuned"})
    return store


def test_every_weight_moves_to_where_edit_writes_it(store: Store, tmp_path: Path) -> None:
    edit(store, "base + 0.5*tuned", tmp_path / "half")
    wanted = Dinov2Model.from_pretrained(tmp_path / "half", dtype=torch.float32).state_dict()
    model = Dinov2Model.from_pretrained(tmp_path / "base", dtype=torch.float32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    moved = InPlace(model, {"tuned": store["tuned"]}).with_coefficients({"tuned": 0.5}).state_dict()
    for name, value in wanted.items():
        assert torch.allclose(moved[name], value, rtol=0, atol=1e-6), name
        assert not torch.equal(moved[name], before[name]), name


def test_the_module_s_own_names_move_it_too(store: Store, tmp_path: Path) -> None:
    model = Dinov2Model.from_pretrained(tmp_path / "base", dtype=torch.float32)
    saved = read_direction(store, "tuned")
    delta = torch.ones_like(model.state_dict()["layernorm.weight"])
    own = next(name for name in model.state_dict() if name.endswith("k_proj.bias"))
    assert own not in saved
    start = model.state_dict()[own].clone()
    InPlace(model, {"d": {own: torch.ones_like(start), "layernorm.weight": delta}}).with_coefficients({"d": 1.0})
    assert torch.equal(model.state_dict()[own], start + 1)
