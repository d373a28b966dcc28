"""Matrices as int8 rows: what they stand for, piece by piece, against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from taskvec.checkpoints import open_checkpoint, open_row_quantized, write_row_quantized
from taskvec.errors import CheckpointError, OutputError
from taskvec.testing.checkpoints import save_safetensors

ROWS, LENGTH = 700, 501  # more than one piece, and pieces that end within a row


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((ROWS, LENGTH)) * np.exp(rng.standard_normal((ROWS, 1)))
    values[3] = 0.0
    return values.astype(np.float32)


@pytest.fixture
def quantized(matrix: np.ndarray, tmp_path: Path) -> Path:
    arrays = {"w": matrix, "cube": matrix[:6, :8].reshape(2, 3, 8), "bias": matrix[0], "s": np.float32(2).reshape(())}
    exact = save_safetensors(tmp_path / "exact.safetensors", arrays)
    with open_checkpoint(exact) as source:
        write_row_quantized(source, tmp_path, "small.safetensors")
    return tmp_path / "small.safetensors"


def test_integers_are_the_nearest_to_their_row_scale(matrix: np.ndarray, quantized: Path) -> None:
    stored = load_file(quantized)
    scales = np.abs(matrix).max(axis=1) / np.float32(127)
    np.testing.assert_array_equal(stored["w.row_scale"], scales)
    safe = np.where(scales > 0, scales, 1).astype(np.float64)[:, None]
    np.testing.assert_array_equal(stored["w"], np.rint(matrix / safe).astype(np.int8))
    assert np.abs(stored["w"].astype(int)).max() == 127
    assert stored["cube.row_scale"].shape == (2,)
    assert stored["bias"].dtype == np.float32


def test_values_are_scale_times_integer(matrix: np.ndarray, quantized: Path) -> None:
    with open_row_quantized(quantized) as checkpoint:
        assert set(checkpoint.tensors) == {"w", "cube", "bias", "s"}
        found = checkpoint.read("w")
        np.testing.assert_array_equal(checkpoint.read("bias"), matrix[0])
        assert checkpoint.read("s") == 2
    stored = load_file(quantized)
    np.testing.assert_array_equal(found, stored["w.row_scale"][:, None] * stored["w"].astype(np.float32))
    assert (np.abs(found - matrix) <= stored["w.row_scale"][:, None] * 0.5001).all()


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (LENGTH - 1, LENGTH + 1), (1000, 9000), (262_100, 262_200)])
def test_any_piece_is_the_same_as_in_the_whole(quantized: Path, start: int, stop: int) -> None:
    with open_row_quantized(quantized) as checkpoint:
        piece = np.empty(stop - start, np.float32)
        checkpoint.read_into("w", start, piece)
        np.testing.assert_array_equal(piece, checkpoint.read("w").reshape(-1)[start:stop])


@pytest.mark.parametrize(
    "arrays",
    [
        {"w": np.ones((2, 3), np.int8)},
        {"w": np.ones((2, 3), np.int8), "w.row_scale": np.ones(3, np.float32)},
        {"w": np.ones((2, 3), np.int8), "w.row_scale": np.ones(2, np.float16)},
        {"w": np.ones(2, np.int8), "w.row_scale": np.ones(2, np.float32)},
    ],
    ids=["no scales", "too many scales", "scales of another dtype", "no rows"],
)
def test_integers_without_their_scales_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    save_file(arrays, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="int8 tensor 'w' needs scales"):
        open_row_quantized(tmp_path / "w.safetensors")


def test_a_name_that_scales_would_need_is_refused(tmp_path: Path) -> None:
    matrix = np.ones((2, 2), np.float32)
    exact = save_safetensors(tmp_path / "exact.safetensors", {"w": matrix, "w.row_scale": matrix})
    with open_checkpoint(exact) as source, pytest.raises(OutputError, match=r"tensor w.row_scale has the name"):
        write_row_quantized(source, tmp_path, "small.safetensors")
