"""A module moved along directions has θ₀ + Σ cᵢτᵢ in its memory, and θ₀ bit for bit when it is put back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from evaluated_models import Point
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from taskvec import RunOptions, Store, TaskVector, compress, edit
from taskvec.errors import EvaluationError
from taskvec.evaluation import InPlace, read_direction
from taskvec.testing.checkpoints import save_folder
from taskvec.vectors.edited import Edited

COEFFICIENTS = st.floats(-3, 3, allow_nan=False)
RNG = np.random.default_rng(0)
DIRECTIONS = {
    "a": {"first": RNG.normal(size=(4, 3)).astype(np.float32), "small": RNG.normal(size=5).astype(np.float32)},
    "b": {"first": torch.from_numpy(RNG.normal(size=(4, 3)))},
}


def bits(model: torch.nn.Module) -> dict[str, bytes]:
    return {name: bytes(value.reshape(-1).view(torch.uint8).numpy()) for name, value in model.state_dict().items()}


@given(a=COEFFICIENTS, b=COEFFICIENTS)
def test_weights_are_those_of_the_dense_formula(a: float, b: float) -> None:
    model = Point()
    start = {name: value.double().numpy() for name, value in model.state_dict().items() if name != "steps"}
    InPlace(model, DIRECTIONS).with_coefficients({"a": a, "b": b})
    for name, value in start.items():
        dense = (
            value
            + sum(
                c * np.asarray(DIRECTIONS[d][name], np.float64)
                for d, c in (("a", a), ("b", b))
                if name in DIRECTIONS[d]
            )
            if name != "tied"
            else start["first"] + a * DIRECTIONS["a"]["first"] + b * DIRECTIONS["b"]["first"].numpy()
        )
        found = model.state_dict()[name].double().numpy()
        assert np.abs(found - dense).max() <= (2e-2 if name == "small" else 1e-5)


@given(steps=st.lists(st.tuples(COEFFICIENTS, COEFFICIENTS), max_size=4))
def test_restoring_gives_back_every_bit(steps: list[tuple[float, float]]) -> None:
    model = Point()
    before = bits(model)
    with InPlace(model, DIRECTIONS) as edited:
        for a, b in steps:
            edited.with_coefficients({"a": a, "b": b})
    assert bits(model) == before


def test_coefficients_do_not_add_up_over_calls() -> None:
    model = InPlace(Point(), DIRECTIONS)
    once = bits(model.with_coefficients({"a": 0.5}))
    model.with_coefficients({"a": 2.0, "b": 1.0})
    assert bits(model.with_coefficients({"a": 0.5})) == once


def test_tied_weights_move_once_and_integers_stay() -> None:
    model = Point()
    start = model.first.detach().clone()
    delta = np.ones((4, 3), np.float32)
    InPlace(model, {"a": {"first": delta, "tied": delta}}).with_coefficients({"a": 1.0})
    assert torch.equal(model.first, start + 1)
    assert int(model.steps) == 3


def test_tied_weights_that_would_move_apart_are_refused() -> None:
    with pytest.raises(EvaluationError, match="first and tied are tied"):
        InPlace(Point(), {"a": {"first": np.ones((4, 3), np.float32), "tied": np.zeros((4, 3), np.float32)}})


@pytest.mark.parametrize(
    ("direction", "named"),
    [
        ({"absent": np.zeros(3)}, "tensor absent"),
        ({"steps": np.zeros(())}, "tensor steps"),
        ({"first": np.zeros((3, 4))}, r"shape \(3, 4\), and \(4, 3\)"),
    ],
)
def test_what_the_module_lacks_is_refused_by_name(direction: dict[str, np.ndarray], named: str) -> None:
    with pytest.raises(EvaluationError, match=named):
        InPlace(Point(), {"a": direction})


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no direction 'c'"):
        InPlace(Point(), DIRECTIONS).with_coefficients({"c": 1.0})


class Matrix(torch.nn.Module):
    """One matrix, as small checkpoints have it."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.from_numpy(values.copy()))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    rng = np.random.default_rng(1)
    base = rng.normal(size=(12, 8)).astype(np.float32)
    save_folder(tmp_path / "base", {"weight": base})
    for name in ("a", "b", "c"):
        change = 0.1 * rng.normal(size=(12, 8))
        save_folder(tmp_path / name, {"weight": (base + change).astype(np.float32)})
    store = Store.init(tmp_path / "store", tmp_path / "base")
    store.add({name: tmp_path / name for name in ("a", "b", "c")})
    return store


def base_of(store: Store) -> np.ndarray:
    values: np.ndarray = Edited(TaskVector.from_terms(store.base, {}), store.base).read("weight")
    return values


@pytest.mark.parametrize("expression", ["a + b", "ties(a, b, c, density=0.5)", "tsv(a, b, c)", "orthogonal(a, b, c)"])
def test_a_direction_moves_a_module_to_the_model_that_edit_writes(
    store: Store, tmp_path: Path, expression: str
) -> None:
    edit(store, f"base + 0.3*{expression if '(' in expression else f'({expression})'}", tmp_path / "edited")
    wanted = load_file(next((tmp_path / "edited").glob("*.safetensors")))["weight"]
    model = InPlace(Matrix(base_of(store)), {"x": read_direction(store, expression)}).with_coefficients({"x": 0.3})
    assert np.abs(model.get_parameter("weight").detach().numpy() - wanted).max() <= 3e-7


def test_handles_of_a_store_and_bases_are_directions(store: Store) -> None:
    compress(store, "two", num_atoms=2)
    dense = read_direction(store, "a + b + c", basis="two")["weight"]
    model = InPlace(Matrix(base_of(store)), {"a": store["a"], "sum": {"weight": dense}})
    moved = model.with_coefficients({"a": 1.0}).get_parameter("weight").detach().numpy()
    assert np.abs(moved - base_of(store) - read_direction(store, "a")["weight"]).max() <= 3e-7
    atoms = read_direction(store, "sum(a, b, c)", basis="two", addition="atoms")["weight"]
    assert np.abs(atoms - dense).max() > 0.01


def test_a_model_is_no_direction(store: Store) -> None:
    with pytest.raises(EvaluationError, match="leave base out"):
        read_direction(store, "base + a")


def test_a_store_that_was_opened_by_a_small_process_is_read_by_a_large_one(store: Store) -> None:
    small = Store(store.path, RunOptions(memory=1 << 20, workers=1))
    assert set(read_direction(small, "ties(a, b, density=0.5)")) == {"weight"}
