"""An adapter on its base: what is changed by how much, what takes a place, and bases that cannot be the one meant."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.lora.adapter import Adapter, adapter_checkpoint
from taskvec.checkpoints.lora.recorded_base import check_recorded_base, hub_id_of
from taskvec.checkpoints.table import TensorTable
from taskvec.errors import AlignmentError
from taskvec.testing.checkpoints import save_safetensors

DOWN = np.arange(6, dtype=np.float32).reshape(2, 3)
UP = np.arange(8, dtype=np.float32).reshape(4, 2)
CONFIG = '{"peft_type": "LORA", "r": 2, "lora_alpha": 6, "fan_in_fan_out": FAN}'


State = dict[str, np.ndarray]


def adapter(folder: Path, arrays: dict[str, np.ndarray], *, fan: bool = False) -> Path:
    folder.mkdir()
    save_safetensors(folder / "adapter_model.safetensors", arrays)
    (folder / "adapter_config.json").write_text(CONFIG.replace("FAN", str(fan).lower()), encoding="utf-8")
    return folder


def factors(module: str = "q", down: np.ndarray = DOWN, up: np.ndarray = UP) -> dict[str, np.ndarray]:
    return {f"base_model.model.{module}.lora_A.weight": down, f"base_model.model.{module}.lora_B.weight": up}


def merged(
    folder: Path, base: dict[str, np.ndarray], own: dict[str, np.ndarray], **given: Any
) -> dict[str, np.ndarray]:
    path = save_safetensors(folder / "base.safetensors", base, metadata=given.pop("metadata", None))
    with open_checkpoint(f"{path}+{adapter(folder / 'own', own, **given)}") as model:
        assert model.path == folder / f"base.safetensors+{folder / 'own'}"
        return {name: model.read(name) for name in model.tensors}


def test_a_product_is_added_at_its_scale_and_nothing_else_changes(tmp_path: Path) -> None:
    base = {"q.weight": np.ones((4, 3), np.float32), "q.bias": np.ones(4, np.float32)}
    found = merged(tmp_path, base, factors())
    np.testing.assert_array_equal(found["q.weight"], 1 + 3 * UP @ DOWN)
    np.testing.assert_array_equal(found["q.bias"], base["q.bias"])


def test_several_products_of_one_tensor_and_one_that_takes_its_place_are_added_up(tmp_path: Path) -> None:
    base = {"q.weight": np.ones((4, 3), np.float32), "norm.weight": np.ones(4, np.float32)}
    whole = {"base_model.model.q.weight": np.full((4, 3), 5, np.float32)}
    whole["base_model.model.norm.weight"] = np.full(4, 7, np.float32)
    found = merged(tmp_path, base, {**factors(), **whole})
    np.testing.assert_array_equal(found["q.weight"], 5 + 3 * UP @ DOWN)
    np.testing.assert_array_equal(found["norm.weight"], whole["base_model.model.norm.weight"])


@pytest.mark.parametrize("shape", [(3, 4), (4, 3)])
def test_matrices_kept_transposed_and_linear_layers_beside_them(shape: tuple[int, int], tmp_path: Path) -> None:
    found = merged(tmp_path, {"q.weight": np.zeros(shape, np.float32)}, factors(), fan=True)
    change = 3 * UP @ DOWN
    np.testing.assert_array_equal(found["q.weight"], change if shape == (4, 3) else change.T)


def test_a_convolution_is_a_matrix_of_outputs_by_the_rest(tmp_path: Path) -> None:
    base = {"c.weight": np.zeros((4, 3, 1, 1), np.float32)}
    found = merged(tmp_path, base, factors("c", DOWN.reshape(2, 3, 1, 1), UP.reshape(4, 2, 1, 1)))
    np.testing.assert_array_equal(found["c.weight"].reshape(4, 3), 3 * UP @ DOWN)


@pytest.mark.parametrize(
    ("base", "own", "message"),
    [
        ({"q.weight": np.ones((4, 3), np.int32)}, factors(), "to which nothing can be added"),
        ({"q.weight": np.array(1, np.float32)}, factors(), "to which nothing can be added"),
        (
            {"q.weight": np.ones((4, 4), np.float32)},
            factors(),
            r"changes a matrix \[4, 3\] and .* has \[4, 4\]",
        ),
        ({"p.weight": np.ones((4, 3), np.float32)}, factors(), "which the base .* does not have"),
        (
            {"q.weight": np.ones((4, 3), np.float32), "n.weight": np.ones(4, np.float32)},
            {**factors(), "base_model.model.n.weight": np.ones(5, np.float32)},
            r"tensor n.weight: shape \[5\] in adapter .* does not match \[4\]",
        ),
        (
            {"q.weight": np.ones((4, 3), np.float32), "n.weight": np.ones(4, np.int32)},
            {**factors(), "base_model.model.n.weight": np.ones(4, np.float32)},
            "tensor n.weight: f32 of adapter .* cannot be combined with i32",
        ),
        (
            {"q.weight": np.ones((4, 3), np.float32), "n.weight": np.ones(4, np.float32)},
            {**factors(), "base_model.model.n.weight": np.ones(4, np.int32)},
            "tensor n.weight: i32 of adapter .* cannot be combined with f32",
        ),
    ],
)
def test_another_base_is_refused(base: dict, own: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match=f"(?i){message}"):
        merged(tmp_path, base, own)


@pytest.mark.parametrize(("module", "message"), [("head", "is tied to q.weight"), ("q", "to which head.weight is")])
def test_one_name_of_two_that_are_tied_is_not_changed_alone(module: str, message: str, tmp_path: Path) -> None:
    base = {"q.weight": np.ones((4, 3), np.float32)}
    with pytest.raises(AlignmentError, match=message):
        merged(tmp_path, base, factors(module), metadata={"head.weight": "q.weight"})


def held(ref: str, path: str, **arrays: np.ndarray) -> Any:
    from taskvec.testing.checkpoints import raw_bits, tensor_info

    def read_into(name: str, start: int, out: np.ndarray) -> None:
        out[:] = raw_bits(arrays[name]).reshape(-1)[start : start + out.size]

    infos = {name: tensor_info(name, array) for name, array in arrays.items()}
    return SimpleNamespace(ref=ref, path=Path(path), tensors=infos, read_into=read_into)


def check(recorded: str | None, base: Any, other: Any = None) -> None:
    own = adapter_checkpoint("own", Path("own"), TensorTable({}, {}, ()), Adapter((), recorded_base=recorded))
    check_recorded_base(own, base, lambda _: other)


CACHE = "/cache/models--org--name/snapshots/abc"


def test_a_hub_id_is_that_of_the_cache() -> None:
    assert hub_id_of(held("x", CACHE)) == "org/name"
    assert hub_id_of(held("x", "/somewhere/else")) is None


@pytest.mark.parametrize("recorded", [None, "base", "org/name", "gpt2", "./a/b", "/a/b", "~/a/b"])
def test_records_that_say_nothing_else_are_passed_over(recorded: str | None) -> None:
    check(recorded, held("base", CACHE))
    check(recorded, held("base", "/somewhere/else"))


def test_another_hub_id_is_another_base() -> None:
    with pytest.raises(AlignmentError, match="was trained on org/other, which is not the base base"):
        check("org/other", held("base", CACHE))
    check("org/other", held("base", "/somewhere/else"))


def test_a_recorded_base_that_is_there_is_compared_by_what_both_have(tmp_path: Path) -> None:
    one, two = np.arange(4, dtype=np.float32), np.arange(4, dtype=np.float32) + 1
    base = held("base", "/b", a=one, b=one)
    recorded = str(tmp_path)
    check(recorded, base, held("other", "/o", a=one, c=two))
    check(recorded, base, held("other", "/b", a=two))
    check(recorded, base, held("other", "/o", c=two))
    for other in (held("o", "/o", a=two, b=one), held("o", "/o", a=one[:3]), held("o", "/o", a=one, b=two)):
        with pytest.raises(AlignmentError, match="which is not the base"):
            check(recorded, base, other)
    with pytest.raises(AlignmentError, match="which is not the base"):
        check(recorded, held("base", CACHE, a=one), held("o", "/o", a=two))
