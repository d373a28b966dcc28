"""Names of adapters and of their bases, told apart by value: no file, no library."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.lora.adapter import adapter_of
from taskvec.checkpoints.lora.base_names import BaseNames
from taskvec.checkpoints.lora.opening import is_adapter_folder
from taskvec.checkpoints.lora.pair_names import NamedPair, is_adapter, sort_names, unsupported_kind
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import save_safetensors


def base_names(names: list[str], modules: list[str], tied: tuple[str, ...] = ()) -> BaseNames:
    base: Any = SimpleNamespace(tensors=dict.fromkeys(names), tied=dict.fromkeys(tied))
    return BaseNames(base, modules)


@pytest.mark.parametrize(
    ("base", "adapter"),
    [("", ""), ("model.", ""), ("", "model."), ("model.", "base_model.model."), ("transformer.", "unet.")],
)
def test_modules_are_found_behind_one_prefix_for_all(base: str, adapter: str) -> None:
    modules = [f"{adapter}layers.{i}.q" for i in range(3)]
    names = base_names([f"{base}layers.{i}.q.weight" for i in range(3)] + ["other.weight"], [*modules, "lora_unet_x"])
    assert [names.weight(module) for module in modules] == [f"{base}layers.{i}.q.weight" for i in range(3)]
    assert names.weight(f"{adapter}layers.3.q") is None
    assert names.weight("other") == "other.weight"


def test_a_prefix_is_what_finds_most_modules() -> None:
    tensors = ["a.weight", "model.a.weight", "model.b.weight", "model.c.weight"]
    names = base_names(tensors, ["a", "b", "c"])
    assert [names.weight(module) for module in "abcd"] == [f"model.{module}.weight" for module in "abc"] + [None]


def test_names_tied_in_the_base_are_names_of_the_base() -> None:
    names = base_names(["embed.weight"], ["head"], tied=("head.weight",))
    assert names.weight("head") == "head.weight"
    assert names.tensor("head.bias") is None


def test_flat_names_are_those_of_components_and_the_first_component_wins() -> None:
    tensors = [
        "unet.down.0.to_q.weight",
        "model.diffusion_model.down.0.to_q.weight",
        "text_encoder.layers.1.fc_1.weight",
        "text_encoder_2.layers.1.fc_1.weight",
        "text_encoder.layers.1.fc_1.bias",
    ]
    names = base_names(tensors, ["lora_unet_down_0_to_q"])
    assert names.weight("lora_unet_down_0_to_q") == "unet.down.0.to_q.weight"
    assert names.weight("lora_te_layers_1_fc_1") == names.weight("lora_te1_layers_1_fc_1")
    assert names.weight("lora_te1_layers_1_fc_1") == "text_encoder.layers.1.fc_1.weight"
    assert names.weight("lora_te2_layers_1_fc_1") == "text_encoder_2.layers.1.fc_1.weight"
    assert names.weight("lora_unet_up_0_to_q") is None


def test_pairs_are_in_the_order_of_their_first_factors() -> None:
    names = [
        "base_model.model.b.lora_A.weight",
        "base_model.model.b.lora_B.weight",
        "base_model.model.a.lora_B.default.weight",
        "base_model.model.a.lora_A.default.weight",
        "base_model.model.norm.weight",
    ]
    found = sort_names(names)
    assert [(pair.module, pair.down, pair.up, pair.alpha) for pair in found.pairs] == [
        ("b", names[0], names[1], None),
        ("a", names[3], names[2], None),
    ]
    assert found.others == (names[4],)


def test_alphas_belong_to_their_pairs_and_others_say_nothing() -> None:
    names = ["m.lora_down.weight", "m.lora_up.weight", "m.alpha", "lost.alpha"]
    assert sort_names(names) == type(sort_names(names))((NamedPair("m", names[0], names[1], "m.alpha"),), ())


def test_embeddings_are_known_by_their_names() -> None:
    (pair,) = sort_names(["e.lora_embedding_A", "e.lora_embedding_B"]).pairs
    assert pair.is_embedding
    (pair,) = sort_names(["e.lora_A.weight", "e.lora_B.weight"]).pairs
    assert not pair.is_embedding


@pytest.mark.parametrize("lonely", ["m.lora_A.weight", "m.lora_B.weight", "m.lora_up.weight", "e.lora_embedding_B"])
def test_a_factor_without_the_other_is_refused(lonely: str) -> None:
    with pytest.raises(ValueError, match=r"is one factor of a pair and the other is missing"):
        sort_names([lonely, "n.lora_A.weight", "n.lora_B.weight"])


def test_other_kinds_are_adapters_too_and_are_refused() -> None:
    assert (unsupported_kind("m.hada_w1_a") or "").startswith("LoHa")
    assert (unsupported_kind("dir/m.lokr_w1") or "").startswith("LoKr")
    assert unsupported_kind("m.my_hada_w1") is None
    assert unsupported_kind("m.lora_A.weight") is None
    assert is_adapter(["m.oft_blocks"])
    assert is_adapter(["norm.weight", "m.lora_A.weight"])
    assert not is_adapter(["norm.weight", "model.lora.weight"])
    with pytest.raises(ValueError, match=r"belongs to LoHa .*, which is not supported"):
        sort_names(["m.lora_A.weight", "m.lora_B.weight", "m.hada_w1_a"])


def test_a_folder_is_an_adapters_where_no_whole_model_is_beside_it(tmp_path: Path) -> None:
    assert not is_adapter_folder(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert is_adapter_folder(tmp_path)
    for name in ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json"):
        (tmp_path / name).touch()
        assert not is_adapter_folder(tmp_path), name
        (tmp_path / name).unlink()
    assert is_adapter_folder(tmp_path)


DOWN, UP = np.ones((2, 3), np.float32), np.ones((4, 2), np.float32)


@pytest.mark.parametrize(
    ("down", "up", "message"),
    [
        (DOWN[0], UP, "are no matrices of one rank"),
        (DOWN, UP[None], "are no matrices of one rank"),
        (DOWN[:, :0], UP, "are no matrices of one rank"),
        (DOWN, UP[:0], "are no matrices of one rank"),
        (DOWN, UP.T, "do not have one rank"),
        (DOWN.reshape(2, 3, 1, 1), np.ones((4, 2, 1, 3), np.float32), "do not have one rank"),
        (DOWN.astype(np.int32), UP, "cannot be multiplied"),
        (DOWN, UP.astype(np.int32), "cannot be multiplied"),
    ],
)
def test_factors_that_are_no_pair_are_refused(down: np.ndarray, up: np.ndarray, message: str, tmp_path: Path) -> None:
    path = save_safetensors(tmp_path / "lora.safetensors", {"m.lora_A.weight": down, "m.lora_B.weight": up})
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(path)


def scale(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> float:
    factors = {"unet.m.lora_A.weight": DOWN, "unet.m.lora_B.weight": UP}
    save_safetensors(path / "lora.safetensors", {**factors, **arrays}, metadata=metadata)
    with open_checkpoint(path / "lora.safetensors") as adapter:
        (pair,) = adapter_of(adapter).pairs
        return pair.scale


def test_a_scale_is_alpha_by_rank_from_beside_the_factors_or_from_the_metadata(tmp_path: Path) -> None:
    assert scale(tmp_path, {}) == 1
    for alpha in (np.array(3.0, np.float32), np.array([3], np.int64), np.array([[3.0]], np.float16)):
        assert scale(tmp_path, {"unet.m.alpha": alpha}) == pytest.approx(1.5)
    noted = '{"unet.r": 2, "unet.lora_alpha": 5, "text_encoder.lora_alpha": 9}'
    assert scale(tmp_path, {}, {"lora_adapter_metadata": noted}) == pytest.approx(2.5)
    assert scale(tmp_path, {}, {"lora_adapter_metadata": '{"unet.r": 2}'}) == 1
    for note, message in [('{"unet.r": 3, "unet.lora_alpha": 5}', "its metadata says 3"), ("{", "is no JSON")]:
        with pytest.raises(CheckpointError, match=message):
            scale(tmp_path, {}, {"lora_adapter_metadata": note})
    with pytest.raises(CheckpointError, match="holds 2 numbers, expected one α"):
        scale(tmp_path, {"unet.m.alpha": np.ones(2, np.float32)})


def test_a_single_file_holds_nothing_beside_its_pairs(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"'unet\.norm\.weight' belongs to no pair of factors"):
        scale(tmp_path, {"unet.norm.weight": np.ones(3, np.float32)})


def test_what_identifies_an_adapter_does_not_depend_on_the_order_of_its_modules(tmp_path: Path) -> None:
    factors = {f"{module}.lora_{which}.weight": DOWN for module in "ba" for which in "A"}
    factors |= {f"{module}.lora_B.weight": UP for module in "ba"}
    with open_checkpoint(save_safetensors(tmp_path / "lora.safetensors", factors)) as adapter:
        assert adapter.settings == {"lora": '{"fan_in_fan_out": false, "scales": {"a": 1.0, "b": 1.0}}'}
