from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from blake3 import blake3

from taskvec import open_checkpoint
from taskvec.streaming import RunOptions, run_steps
from taskvec.streaming.units import BLOCK
from taskvec.testing.checkpoints import Array, save_folder, save_safetensors
from taskvec.types import DType, TensorInfo
from taskvec.vectors.fingerprints import fingerprint, hashing, tensor_digest

LONG = np.random.default_rng(0).integers(0, 255, BLOCK + 5).astype(np.float16)
ARRAYS: dict[str, Array] = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b": np.ones(5, ml_dtypes.bfloat16),
    "ids": np.arange(3),
    "scalar": np.array(2.0, np.float16),
    "empty": np.zeros((2, 0), np.float32),
    "long": LONG,
}


def print_of(ref: Path, options: RunOptions | None = None) -> str:
    with open_checkpoint(ref) as checkpoint:
        return fingerprint(run_steps(hashing(checkpoint), options or RunOptions()))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    return print_of(save_folder(tmp_path_factory.mktemp("plain"), ARRAYS))


def _bin(folder: Path) -> Path:
    torch = pytest.importorskip("torch")
    state = {
        name: torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        if array.dtype == ml_dtypes.bfloat16
        else torch.from_numpy(array)
        for name, array in ARRAYS.items()
    }
    torch.save(state, folder / "model.bin")
    return folder / "model.bin"


SAME: dict[str, Callable[[Path], Path]] = {
    "in shards": lambda folder: save_folder(folder, ARRAYS, shard_size=30),
    "in another order": lambda folder: save_folder(folder, dict(reversed(ARRAYS.items()))),
    "as one file": lambda folder: save_safetensors(folder / "x.safetensors", ARRAYS),
    "with other metadata": lambda folder: save_folder(folder, ARRAYS, metadata={"author": "somebody"}),
    "in another format": _bin,
}

OTHER: dict[str, dict[str, Array]] = {
    "one bit": {**ARRAYS, "b": np.array([1, 1, 1, 1, 1.0078125], ml_dtypes.bfloat16)},
    "the sign of zero": {**ARRAYS, "a": np.where(ARRAYS["a"] == 0, np.float32(-0.0), ARRAYS["a"])},
    "another name": {("c" if name == "a" else name): array for name, array in ARRAYS.items()},
    "another shape": {**ARRAYS, "a": ARRAYS["a"].reshape(4, 3)},
    "another shape without elements": {**ARRAYS, "empty": np.zeros((0, 2), np.float32)},
    "another dtype of the same bits": {**ARRAYS, "b": ARRAYS["b"].view(np.float16)},
    "a tensor less": {name: array for name, array in ARRAYS.items() if name != "empty"},
    "blocks exchanged": {**ARRAYS, "long": np.concatenate([LONG[5:BLOCK], LONG[:5], LONG[BLOCK:]])},
    "two contents exchanged": {**ARRAYS, "ids": np.arange(3)[::-1].copy()},
}


@pytest.mark.parametrize("way", SAME)
def test_the_same_content_has_the_same_fingerprint(way: str, expected: str, tmp_path: Path) -> None:
    assert print_of(SAME[way](tmp_path)) == expected


@pytest.mark.parametrize("what", OTHER)
def test_other_content_has_another_fingerprint(what: str, expected: str, tmp_path: Path) -> None:
    assert print_of(save_folder(tmp_path, OTHER[what])) != expected


def test_nan_is_content_like_any_other(tmp_path: Path) -> None:
    prints = {
        print_of(save_folder(tmp_path / str(value), {"a": np.array([value], np.float32)}))
        for value in (np.nan, np.inf, -np.inf, 0.0)
    }
    assert len(prints) == 4


def test_the_digest_is_the_documented_tree_of_blocks(tmp_path: Path) -> None:
    with open_checkpoint(save_folder(tmp_path, {"long": LONG})) as checkpoint:
        (digest,) = run_steps(hashing(checkpoint), RunOptions()).values()
    blocks = b"".join(blake3(part.tobytes()).digest() for part in (LONG[:BLOCK], LONG[BLOCK:]))
    assert digest == blake3(f"F16[{BLOCK + 5}]".encode() + blocks).hexdigest()
    info = TensorInfo("any name", DType.F16, (BLOCK + 5,))
    assert tensor_digest(info, np.frombuffer(blocks, np.uint8).reshape(2, 32)) == digest


def test_names_cannot_be_shifted_into_their_neighbours() -> None:
    one, two = "00" * 32, "11" * 32
    assert fingerprint({"ab": one, "c": two}) != fingerprint({"a": one, "bc": two})
    assert fingerprint({"a": one, "b": two}) == fingerprint({"b": two, "a": one})


def test_fingerprints_are_for_ever(tmp_path: Path) -> None:
    """Stores keep them; a change of this number makes every store of every user unreadable."""
    arrays = {
        "long": (np.arange((1 << 20) + 1) % 251).astype(np.float16),
        "brain": np.ones((2, 3), ml_dtypes.bfloat16),
        "ids": np.arange(4),
        "scalar": np.array(1.5, np.float32),
    }
    assert print_of(save_folder(tmp_path, arrays)) == "c44af711b82f7ff8f63365022ffb97d20de967e27b5235a7971dbd75cdb6a27e"
