"""What sources say of themselves is true: the memory that reading takes, and the kernels that it calls."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping

import ml_dtypes
import numpy as np
import pytest
import torch

from taskvec.checkpoints import (
    Checkpoint,
    derived,
    open_checkpoint,
    open_row_quantized,
    products,
    random_checkpoint,
    row_quantized,
    write_row_quantized,
    zeros_like,
)
from taskvec.checkpoints.derived import Moved, Remainder, Same, Sum
from taskvec.checkpoints.products import Factor, Product, Stored, SumOfProducts
from taskvec.checkpoints.table import TensorSource
from taskvec.checkpoints.vocabulary import rows
from taskvec.checkpoints.vocabulary.rows import NOTHING, GatheredRows, RowChoice
from taskvec.numerics import load
from taskvec.testing.checkpoints import save_safetensors
from taskvec.types import DType, TensorInfo

ROWS, COLUMNS, RANK = 700, 600, 40
NUM_PARAMS = ROWS * COLUMNS
SOME_BYTES = 16 << 10  # of Python's own objects
COUNTS = (1000, 1 << 17, NUM_PARAMS - 7)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    rng = np.random.default_rng(0)
    arrays = {
        "left": rng.standard_normal((ROWS, RANK), np.float32),
        "right": rng.standard_normal((RANK, COLUMNS)).astype(np.float16),
        "left_turned": rng.standard_normal((RANK, ROWS), np.float32),
        "right_turned": rng.standard_normal((COLUMNS, RANK), np.float32),
        "tuned": rng.standard_normal((ROWS, COLUMNS)).astype(ml_dtypes.bfloat16),
        "base": rng.standard_normal((ROWS, COLUMNS)).astype(np.float16),
    }
    return open_checkpoint(save_safetensors(tmp_path_factory.mktemp("stored") / "stored.safetensors", arrays))


def _product(stored: Checkpoint) -> SumOfProducts:
    plain = Product.of_stored(stored, "left", "right")
    turned = Product(
        Factor(Stored(stored, "left_turned"), is_transposed=True),
        Factor(Stored(stored, "right_turned"), is_transposed=True),
    )
    return SumOfProducts((plain, turned))


def _of_product(stored: Checkpoint) -> Stored:
    made = derived.derived("made", {TensorInfo("product", DType.F32, (ROWS, COLUMNS)): _product(stored)}, [stored])
    return Stored(made, "product")


def _gathered(stored: Checkpoint) -> GatheredRows:
    origins, own = np.arange(ROWS) % 2, np.arange(ROWS)
    origins[::5] = NOTHING
    origins[30:] = 1  # rows that lie together
    choice = RowChoice(origins, own, {row: ((0, row), (1, row)) for row in (7, 31)})
    return GatheredRows(choice, [Stored(stored, "tuned"), Stored(stored, "base")], DType.BF16, COLUMNS)


def _quantized(stored: Checkpoint) -> TensorSource:
    folder = stored.path.parent
    if not (folder / "rows.safetensors").exists():
        exact = {"w": stored.read("tuned").view(ml_dtypes.bfloat16).astype(np.float32)}
        with open_checkpoint(save_safetensors(folder / "exact.safetensors", exact)) as source:
            write_row_quantized(source, folder, "rows.safetensors")
    return open_row_quantized(folder / "rows.safetensors").source("w")


def _held(stored: Checkpoint) -> TensorSource:
    path = stored.path.with_name("held.bin")
    torch.save({"w": torch.arange(float(NUM_PARAMS))}, path, _use_new_zipfile_serialization=False)
    return open_checkpoint(path).source("w")


INFO = TensorInfo("w", DType.F32, (ROWS, COLUMNS))

SOURCES: Mapping[str, tuple[Callable[[Checkpoint], TensorSource], int]] = {
    "file span": (lambda stored: stored.source("tuned"), 2),
    "held": (_held, 4),
    "same": (lambda stored: Same(stored, "base"), 2),
    "same as computed": (lambda stored: Same(_of_product(stored).checkpoint, "product"), 4),
    "remainder": (lambda stored: Remainder(Stored(stored, "tuned"), (Stored(stored, "base"), _of_product(stored))), 4),
    "sum": (lambda stored: Sum((_product(stored), Remainder(Stored(stored, "tuned"), (Stored(stored, "base"),)))), 4),
    "moved": (lambda stored: Moved(Stored(stored, "tuned"), (_product(stored),)), 2),
    "product": (lambda stored: SumOfProducts(_product(stored).terms[:1]), 4),
    "product of transposes": (lambda stored: SumOfProducts(_product(stored).terms[1:]), 4),
    "gathered rows": (_gathered, 2),
    "row quantized": (_quantized, 4),
    "zeros": (lambda _: zeros_like([INFO]).source("w"), 4),
    "random": (lambda _: random_checkpoint([INFO], 1, 0).source("w"), 4),
}
"""How a source of the tensor is made, and the bytes of its elements."""


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, stored: Checkpoint) -> tuple[TensorSource, int]:
    make, itemsize = SOURCES[request.param]
    return make(stored), itemsize


def peak_of_reading(source: TensorSource, itemsize: int, count: int) -> int:
    row = np.empty(count * itemsize, np.uint8)
    source.read_into(0, row[:itemsize].data)  # kernels are loaded, files open
    tracemalloc.start()
    try:
        source.read_into(5 * itemsize, row.data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", COUNTS)
def test_scratch_is_what_reading_takes(source: tuple[TensorSource, int], count: int) -> None:
    reading, itemsize = source
    peak, said = peak_of_reading(reading, itemsize, count), reading.scratch_bytes(count)
    assert peak <= said + SOME_BYTES
    assert said <= 1.5 * peak + SOME_BYTES


def test_more_elements_never_take_less(source: tuple[TensorSource, int]) -> None:
    said = [source[0].scratch_bytes(count) for count in range(1, NUM_PARAMS, 9973)]
    assert said == sorted(said)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The kernels that are called, by name."""
    names: set[str] = set()
    places = {products: ("widen", "add_product"), derived: ("round_into",), rows: ("round_into",)}
    for module, kernels in {**places, row_quantized: ("dequantize",)}.items():
        for name in kernels:
            kernel = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *given, n=name, k=kernel: [names.add(n), k(*given)][1])
    return names


def test_the_kernels_that_are_called_are_those_that_are_said(
    source: tuple[TensorSource, int], called: set[str]
) -> None:
    reading, itemsize = source
    reading.read_into(0, np.empty(NUM_PARAMS * itemsize, np.uint8).data)
    assert called == set(reading.calls)
    load(reading.calls)


def test_only_what_is_loaded_elsewhere_is_held_later(source: tuple[TensorSource, int]) -> None:
    assert source[0].held_bytes() == 0


def test_what_is_made_is_read_from_no_file(stored: Checkpoint) -> None:
    made = {name for name, (make, _) in SOURCES.items() if not make(stored).is_stored}
    assert made == {"zeros", "random"}


def test_a_file_that_must_be_loaded_anew_says_so(stored: Checkpoint) -> None:
    from checkpoint_descriptions import travelled

    _held(stored)
    checkpoint = travelled(open_checkpoint(stored.path.with_name("held.bin")))
    everything = {
        "held": checkpoint.source("w"),
        "same": Same(checkpoint, "w"),
        "remainder": Remainder(Stored(checkpoint, "w"), (Stored(stored, "base"),)),
        "sum": Sum((checkpoint.source("w"),)),
        "moved": Moved(Stored(checkpoint, "w"), (checkpoint.source("w"),)),
        "products": SumOfProducts((Product.of_stored(checkpoint, "w", "w"),)),
        "rows": GatheredRows(RowChoice(np.zeros(1), np.zeros(1)), [Stored(checkpoint, "w")], DType.F32, 1),
    }
    size = stored.path.with_name("held.bin").stat().st_size
    assert {name: each.held_bytes() // size for name, each in everything.items()} == {
        "held": 1, "same": 1, "remainder": 1, "sum": 1, "moved": 2, "products": 2, "rows": 1,
    }  # fmt: skip
    assert checkpoint.read("w").size == NUM_PARAMS
    assert all(each.held_bytes() == 0 for each in everything.values())


def test_a_kernel_of_no_such_name_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing"):
        load(["nothing"])
