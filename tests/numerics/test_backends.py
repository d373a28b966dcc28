"""What every backend promises: the three operations, on every mixture of dtypes, against dense float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from chunks import CASES, NUMPY, ChunkCase, make_chunk

from oracles import assert_close, assert_rounded_once
from taskvec.numerics.backends import Backend, backend_for
from taskvec.numerics.codes import BF16, F32
from taskvec.numerics.kernels import LANES, TILE, padded
from taskvec.numerics.rows import Rows


def torch_backend() -> Backend:
    pytest.importorskip("torch")
    return backend_for("torch")


BACKENDS: dict[str, Callable[[], Backend]] = {"cpu": lambda: backend_for("cpu"), "torch on the cpu": torch_backend}
COEFFICIENTS = np.array([0.5, -0.3, 1.0, 0.0, 2.0, -1.25], np.float32)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]()


WITH_SOURCES = [name for name, case in CASES.items() if case.codes]


class TestEveryBackend:
    @pytest.mark.parametrize("name", CASES)
    def test_combines(self, backend: Backend, name: str) -> None:
        case, chunk = CASES[name], make_chunk(CASES[name])
        weights = COEFFICIENTS[: len(case.codes)]
        dtype = NUMPY[case.out_code]
        out = np.zeros(case.count * dtype.itemsize + 4, np.uint8)
        assert backend.combine(chunk.rows, weights, np.float32(1), case.out_code, out)
        weighted = weights.astype(np.float64)[:, None] * chunk.deltas
        magnitude = np.abs(chunk.anchor) * (1 + 2 * np.abs(weights).sum()) + np.abs(weighted).sum(axis=0)
        assert_rounded_once(out[:-4].view(dtype), chunk.anchor + weighted.sum(axis=0), magnitude, what=name)
        assert not out[-4:].any()

    @pytest.mark.parametrize("name", CASES)
    def test_combines_without_the_base(self, backend: Backend, name: str) -> None:
        case, chunk = CASES[name], make_chunk(CASES[name])
        weights = COEFFICIENTS[: len(case.codes)]
        out = np.zeros(case.count * 4, np.uint8)
        backend.combine(chunk.rows, weights, np.float32(0), 0, out)
        assert_close(out.view(np.float32), weights.astype(np.float64) @ chunk.deltas, relative=1e-6, what=name)

    @pytest.mark.parametrize("name", WITH_SOURCES)
    def test_multiplies_inner_products(self, backend: Backend, name: str) -> None:
        case, chunk = CASES[name], make_chunk(CASES[name])
        for num_rows in range(1, len(case.codes) + 1):
            size = len(case.codes)
            total = np.full((padded(num_rows), padded(size)), 3.0)
            backend.gram(chunk.rows, num_rows, total)
            found = total[:num_rows, :size] - 3
            expected = chunk.deltas[:num_rows] @ chunk.deltas.T
            if num_rows == size:  # the upper triangle is left to the caller
                found, expected = np.tril(found), np.tril(expected)
            assert_close(found, expected, relative=1e-6, what=f"{name}, {num_rows} rows")

    @pytest.mark.parametrize("name", WITH_SOURCES)
    def test_projects_onto_atoms_and_measures_them_as_rounded(self, backend: Backend, name: str) -> None:
        case, chunk = CASES[name], make_chunk(CASES[name])
        size, num_atoms = len(case.codes), 2
        encoder = np.random.default_rng(1).random((num_atoms, size)).astype(np.float32)
        dtype = NUMPY[case.out_code]
        out = np.zeros((num_atoms, case.count * dtype.itemsize), np.uint8)
        total = np.full((padded(num_atoms), padded(num_atoms + size)), 3.0)
        assert backend.project(chunk.rows, encoder, case.out_code, out, total)
        atoms = out.view(dtype).astype(np.float64)
        epsilon = {4: 1e-6, 2: 2**-8}[dtype.itemsize]
        assert_close(atoms, encoder.astype(np.float64) @ chunk.deltas, relative=epsilon, what=name)
        total -= 3
        assert_close(total[:num_atoms, :num_atoms], atoms @ atoms.T, relative=1e-9, what="atoms with atoms")
        products = total[:num_atoms, num_atoms : num_atoms + size]
        assert_close(products, atoms @ chunk.deltas.T, relative=1e-6, what="atoms with deltas")

    @pytest.mark.parametrize("name", WITH_SOURCES)
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_sees_an_input_that_is_not_finite(self, backend: Backend, name: str, value: float) -> None:
        case, chunk = CASES[name], make_chunk(CASES[name])
        position = case.count - 1
        source = len(case.codes) - 1
        typed = NUMPY[case.codes[source]]
        row: Any = chunk.rows.raw[source]
        row[position * typed.itemsize : (position + 1) * typed.itemsize] = np.array(value, typed).reshape(1).view("u1")
        out = np.zeros((1, case.count * 4), np.uint8)
        ones = np.ones(len(case.codes), np.float32)
        assert not backend.combine(chunk.rows, ones, np.float32(1), 0, out[0])
        total = np.zeros((LANES, padded(1 + len(case.codes))))
        assert not backend.project(chunk.rows, ones[None], 0, out, total)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cut", [4096, 8192])
def test_the_compiled_sums_do_not_depend_on_where_a_chunk_is_cut(name: str, cut: int) -> None:
    case, chunk = CASES[name], make_chunk(CASES[name])
    rows, size = chunk.rows, padded(len(case.codes))
    whole, pieces, within = np.zeros((3, size, size))
    cpu = backend_for("cpu")
    cpu.gram(rows, len(case.codes), whole)
    for start in range(0, rows.size, cut):
        shifted = np.zeros_like(rows.raw)
        for s, code in enumerate(case.codes):
            tail = rows.raw[s, start * NUMPY[code].itemsize :]
            shifted[s, : tail.size] = tail
        anchor = rows.base if rows.base_code < 0 else rows.base[start * NUMPY[rows.base_code].itemsize :]
        piece = rows._replace(base=anchor, raw=shifted, size=min(cut, rows.size - start))
        cpu.gram(piece, len(case.codes), pieces)
        cpu.gram(rows._replace(first=start, size=piece.size), len(case.codes), within)
    assert whole.tobytes() == pieces.tobytes() == within.tobytes()


@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("name", CASES)
def test_elements_may_be_some_of_the_buffers(device: str, name: str) -> None:
    case, chunk, backend = CASES[name], make_chunk(CASES[name]), backend_for(device)
    weights, itemsize = np.linspace(-1, 1, len(case.codes), dtype=np.float32), NUMPY[case.out_code].itemsize
    whole = np.zeros(case.count * 4, np.uint8)
    assert backend.combine(chunk.rows, weights, np.float32(1), case.out_code, whole)
    first = case.count // 3
    rest = np.zeros_like(whole)
    assert backend.combine(
        chunk.rows._replace(first=first, size=case.count - first), weights, np.float32(1), case.out_code, rest
    )
    length = (case.count - first) * itemsize
    assert rest[:length].tobytes() == whole[first * itemsize : first * itemsize + length].tobytes()


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 0, 1, 2, 3], [2, 4, 3, 1, 0]])
@pytest.mark.parametrize("num_rows", [1, 3, 5])
def test_a_product_has_the_same_bits_whatever_it_is_taken_with(order: list[int], num_rows: int) -> None:
    rows = make_chunk(ChunkCase(BF16, (BF16,) * 5, (True,) * 5, 5000)).rows
    whole, found = (np.zeros((padded(count), padded(5))) for count in (5, num_rows))
    cpu = backend_for("cpu")
    cpu.gram(rows, 5, whole)
    cpu.gram(rows._replace(raw=rows.raw[order]), num_rows, found)
    for i, j in itertools.product(range(num_rows), range(5)):
        if num_rows < 5 or j <= i:
            assert found[i, j] == whole[max(order[i], order[j]), min(order[i], order[j])]


@pytest.mark.parametrize("num_atoms", [1, 2, 3, 5])
@pytest.mark.parametrize("num_sources", [1, 3, 4, 6, 9])
def test_atoms_add_their_sources_one_after_another(num_atoms: int, num_sources: int) -> None:
    """Whatever is added in one go, the bits are those of plain sums in the order of sources."""
    count = TILE + 7
    chunk = make_chunk(ChunkCase(F32, (F32,) * num_sources, (True,) * num_sources, count))
    encoder = np.random.default_rng(2).standard_normal((num_atoms, num_sources)).astype(np.float32)
    out = np.zeros((num_atoms, 4 * count), np.uint8)
    total = np.zeros((padded(num_atoms), padded(num_atoms + num_sources)))
    assert backend_for("cpu").project(chunk.rows, encoder, F32, out, total)
    expected = np.zeros((num_atoms, count), np.float32)
    for s, delta in enumerate(chunk.deltas.astype(np.float32)):
        expected += encoder[:, s : s + 1] * delta
    assert out.tobytes() == expected.tobytes()


def test_a_device_that_is_not_there_is_named() -> None:
    pytest.importorskip("torch")
    from taskvec.errors import TaskvecError

    with pytest.raises(TaskvecError, match="device 'cuda:99' cannot be used here: use --device cpu"):
        backend_for("cuda:99")


def test_what_no_delta_changes_comes_through_with_its_sign(backend: Backend) -> None:
    base = np.array([-0.0, 0.0, -1.5, 3.0], np.float32)
    out = np.ones(base.nbytes, np.uint8)
    raw = base.view(np.uint8)
    rows = Rows(raw, F32, raw[None].copy(), np.array([F32]), np.array([True]), 0, len(base))
    finite = backend.combine(rows, np.array([0.3], np.float32), np.float32(1.0), F32, out)
    assert finite
    assert out.tobytes() == base.tobytes()
