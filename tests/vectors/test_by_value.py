"""The small parts that vectors are made of, each by value: coefficients, factors, matrices, memory, sinks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from taskvec.numerics.kernels import TILE
from taskvec.streaming import AlignedTensor, Located
from taskvec.testing.checkpoints import raw_bits, tensor_info
from taskvec.vectors import factored_products as factored
from taskvec.vectors.coefficients import CoefficientTable, Deferred, PerTensor, coefficient_at
from taskvec.vectors.combining import CombineKernel
from taskvec.vectors.forms import Dense, Difference, LowRank, Source, delta_identity
from taskvec.vectors.inner_products import symmetric
from taskvec.vectors.matrix import MatrixReader, matrix_shape
from taskvec.vectors.sinks import OnlySink


def at(coefficient: Any, *tensors: str) -> list[float]:
    return [coefficient_at(coefficient, tensor) for tensor in tensors]


def test_coefficients_by_tensor_add_and_scale_like_numbers() -> None:
    one, two = PerTensor({"a": 1.0, "b": 2.0}, 5.0), PerTensor({"b": 10.0, "c": 20.0}, 50.0)
    assert at(one + two, "a", "b", "c", "d") == [51, 12, 25, 55]
    assert at(one + 3.0, "a", "b", "d") == at(3.0 + one, "a", "b", "d") == [4, 5, 8]
    assert at(one * 3.0, "a", "b", "d") == at(3.0 * one, "a", "b", "d") == [3, 6, 15]
    assert at(2.5, "a") == [2.5]
    assert f"{two:.0f}" == "[10 … 50]"


@pytest.mark.parametrize(
    ("coefficient", "is_something"),
    [
        (PerTensor({}, 0.0), False),
        (PerTensor({"a": 0.0}), False),
        (PerTensor({"a": 1.0}), True),
        (PerTensor({"a": 0.0}, 1.0), True),
        (PerTensor({}, 1.0), True),
    ],
)
def test_a_coefficient_is_something_where_it_is_not_zero_everywhere(coefficient: PerTensor, is_something: bool) -> None:
    assert bool(coefficient) is is_something


def test_what_must_be_measured_first_adds_and_scales_when_it_is_asked_for() -> None:
    asked: list[str] = []

    def promise(name: str, **values: float) -> Deferred:
        def keep() -> PerTensor:
            asked.append(name)
            return PerTensor(values, 1.0)

        return Deferred(name, keep)

    one, two = promise("one", a=2.0), promise("two", a=30.0)
    added, more, scaled = one + two, 5.0 + one, one * 3.0
    mixed = PerTensor({"b": 7.0}) + one
    assert asked == []
    assert (repr(added), repr(more), repr(scaled), f"{added:.2f}") == ("(one + two)", "(one + 5.0)", "3.0*one", "?")
    assert at(added, "a", "b") == [32, 2]
    assert at(more, "a", "b") == [7, 6]
    assert at(scaled, "a", "b") == at(3.0 * one, "a", "b") == [6, 3]
    assert at(mixed, "a", "b") == [2, 8]
    assert bool(Deferred("zero", lambda: PerTensor({}))) is True


def test_a_table_has_a_row_a_tensor_and_tells_all_of_it() -> None:
    table = CoefficientTable([2.0, PerTensor({"a": 3.0}, 4.0), Deferred("one", lambda: PerTensor({"b": 5.0}, 6.0))])
    assert {name: table.row(name).tolist() for name in "abc"} == {"a": [2, 3, 6], "b": [2, 4, 5], "c": [2, 4, 6]}
    assert table.row("a").dtype == np.float32
    rows = {name: table.row(name).tobytes() for name in "abc"}
    assert table.tobytes() == rows["c"] + b"a\0" + rows["a"] + b"b\0" + rows["b"]


def test_a_delta_as_it_is_is_another_than_a_difference_from_the_base() -> None:
    source: Any = Source("content", SimpleNamespace(ref="here"))
    assert [form(source).identity for form in (Difference, Dense, LowRank)] == [
        "content",
        "dense content",
        "dense content",
    ]
    assert delta_identity("x", is_centered=True) == "x"
    assert [(form.is_centered, form.is_partial) for form in (Difference(source), Dense(source), LowRank(source))] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    other: Any = Source("content", SimpleNamespace(ref="elsewhere"), is_hashed=True)
    assert source == other != Source("another", source.checkpoint)


def test_the_lower_triangle_is_completed() -> None:
    given = np.array([[1.0, 99, 99], [2, 3, 99], [4, 5, 6]])
    assert symmetric(given).tolist() == [[1, 2, 4], [2, 3, 5], [4, 5, 6]]


class Product:
    """Two factors in memory."""

    def __init__(self, rng: np.random.Generator, rank: int, rows: int = 5, columns: int = 4) -> None:
        self.rank, self.shape = rank, (rows, columns)
        self.left = rng.standard_normal((rows, rank)).astype(np.float32)
        self.right = self
        self._right = rng.standard_normal((rank, columns)).astype(np.float32)

    def scaled_left(self) -> np.ndarray:
        return self.left

    def whole(self) -> np.ndarray:
        return self._right

    def dense(self) -> np.ndarray:
        return self.left.astype(np.float64) @ self._right.astype(np.float64)


@pytest.mark.parametrize("block_bytes", [1, 8 * 9, 8 * 9 * 3, 8 * 9 * 4, 1 << 20])
@pytest.mark.parametrize("num_rows", [1, 3, 5])
def test_products_of_factors_are_those_of_the_matrices_however_they_are_cut(
    block_bytes: int, num_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product of rank r of a 5 × 4 matrix takes 8·r·9 bytes."""
    monkeypatch.setattr(factored, "_BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(0)
    terms = [(Product(rng, 1),), (), (Product(rng, 2), Product(rng, 1)), (Product(rng, 3),), ()]
    forms = [LowRank(SimpleNamespace(identity=str(i))) for i in range(5)]  # type: ignore[arg-type]
    monkeypatch.setattr(LowRank, "products", lambda self, _: terms[int(self.source.identity)])
    tensor: Any = SimpleNamespace(name="w")
    found = factored.factored_products(tensor, forms, num_rows)
    dense = [sum((product.dense() for product in one), start=np.zeros((5, 4))) for one in terms]
    wanted = [[(a * b).sum() for b in dense] for a in dense[:num_rows]]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_blocks_of_factors_are_filled_to_the_last_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    terms: Any = [(Product(rng, 1),), (Product(rng, 1),), (Product(rng, 1),), (), (Product(rng, 2),)]
    cuts = {
        8 * 9: [[0], [1], [2, 3], [4]],
        8 * 9 * 2: [[0, 1], [2, 3], [4]],
        8 * 9 * 5: [[0, 1, 2, 3, 4]],
        1: [[0], [1], [2], [3], [4]],
    }
    for size, wanted in cuts.items():
        monkeypatch.setattr(factored, "_BLOCK_BYTES", size)
        assert [list(block) for block in factored._blocks(terms)] == wanted
    assert list(factored._blocks([])) == []


class Held:
    """As much of a checkpoint as a reader of matrices uses."""

    ref = "held"

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def read_into(self, name: str, start: int, out: np.ndarray) -> None:
        out[:] = raw_bits(self.array).reshape(-1)[start : start + out.size]

    def located(self) -> Located:
        return Located(self, tensor_info("w", self.array))  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk", [7, 24, 1 << 18])
def test_a_delta_is_read_in_chunks_over_its_base(chunk: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((4, 3, 2)).astype(np.float16)
    models = [(base + rng.standard_normal((4, 3, 2))).astype(np.float32) for _ in range(3)]
    tensor = AlignedTensor("w", (4, 3, 2), Held(base).located(), tuple(Held(one).located() for one in models))
    reader = MatrixReader(tensor, [True, False, True], chunk=chunk)
    assert reader.shape == matrix_shape(tensor) == (4, 6)
    for task, model in enumerate(models):
        wanted = model if task == 1 else model - base.astype(np.float32)
        np.testing.assert_array_equal(reader.delta(task), wanted.reshape(4, 6))
        np.testing.assert_array_equal(reader.finite_delta(task), wanted.reshape(4, 6))
    alone = AlignedTensor("w", (4, 3, 2), None, (Held(models[0]).located(),))
    np.testing.assert_array_equal(MatrixReader(alone, [False], chunk=chunk).delta(0), models[0].reshape(4, 6))


def test_a_file_takes_its_own_tensors_alone() -> None:
    taken: list[tuple[str, str, int]] = []
    writer: Any = SimpleNamespace(
        write=lambda name, start, data: taken.append(("write", name, start)),
        skip=lambda name, count: taken.append(("skip", name, count)),
    )
    sink = OnlySink(writer, [tensor_info("a", np.zeros(3, np.float32))])
    for name in "ab":
        sink.write(name, 1, np.zeros(2))
        sink.skip(name, 2)
    assert taken == [("write", "a", 1), ("skip", "a", 2)]


@pytest.mark.parametrize("num_sources", [0, 1, 9])
def test_combining_takes_three_tiles_and_a_number_a_source(num_sources: int) -> None:
    kernel = CombineKernel("cpu", np.ones(1, np.bool_), CoefficientTable([]), np.float32(1), frozenset())
    assert kernel.scratch_bytes(num_sources) == 3 * 4 * TILE + 4 * num_sources
