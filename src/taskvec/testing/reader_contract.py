"""What every checkpoint format promises, as a test class: subclass it and say how a checkpoint is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import Array, raw_bits, tensor_info
from taskvec.types import DType

SaveCheckpoint = Callable[[Path, Mapping[str, Array]], Path]
"""Given an existing empty folder and the tensors, makes a checkpoint in it and returns the reference to open."""


def contract_arrays(lacking: frozenset[DType] = frozenset()) -> dict[str, Array]:
    """Make tensors of every dtype a format holds, and of the shapes that trip readers."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal
    arrays: dict[str, Array] = {
        "model.embed.weight": normal((7, 5)).astype(np.float32),
        "half": normal((3, 4)).astype(np.float16),
        "brain": normal((6, 3)).astype(ml_dtypes.bfloat16),
        "eight.range": normal(9).astype(ml_dtypes.float8_e5m2),
        "eight.precision": normal(5).astype(ml_dtypes.float8_e4m3fn),
        "double": normal(3),
        "mask": rng.integers(0, 2, 5).astype(np.bool_),
        "position_ids": np.arange(10, dtype=np.int64).reshape(1, 10),
        "bytes": np.arange(3, dtype=np.uint8),
        "scalar": np.array(2.5, np.float32),
        "empty": np.zeros((0, 4), np.float32),
        "not finite": np.array([np.nan, np.inf, -0.0], np.float32),
        "größe.層": normal(2).astype(np.float32),
    }
    return {name: array for name, array in arrays.items() if tensor_info(name, array).dtype not in lacking}


class ReaderContract:
    """The promises of `open_checkpoint` for one format; a subclass provides the fixture ``save``."""

    @pytest.fixture
    def save(self) -> SaveCheckpoint:
        """Return the function that makes a checkpoint of the format under test."""
        raise NotImplementedError

    @pytest.fixture
    def lacking(self) -> frozenset[DType]:
        """Return the dtypes that the format cannot hold."""
        return frozenset()

    def test_lists_every_tensor_and_no_other(
        self, save: SaveCheckpoint, lacking: frozenset[DType], tmp_path: Path
    ) -> None:
        """Names, dtypes and shapes are those of the tensors saved."""
        arrays = contract_arrays(lacking)
        with open_checkpoint(save(tmp_path, arrays)) as checkpoint:
            assert dict(checkpoint.tensors) == {name: tensor_info(name, array) for name, array in arrays.items()}
            assert not checkpoint.tied

    def test_reads_every_bit(self, save: SaveCheckpoint, lacking: frozenset[DType], tmp_path: Path) -> None:
        """A tensor comes back in its shape, bit for bit: NaN and negative zero included."""
        arrays = contract_arrays(lacking)
        with open_checkpoint(save(tmp_path, arrays)) as checkpoint:
            for name, array in arrays.items():
                read = checkpoint.read(name)
                assert read.shape == array.shape
                assert read.tobytes() == raw_bits(array).tobytes(), name

    def test_reads_any_piece(self, save: SaveCheckpoint, tmp_path: Path) -> None:
        """Every piece of a tensor is the same piece of its raw bits, and nothing around it is written."""
        array = np.arange(12, dtype=np.float32).reshape(3, 4)
        with open_checkpoint(save(tmp_path, {"before": array + 50, "a": array, "after": array + 99})) as checkpoint:
            for start in range(13):
                for stop in range(start, 13):
                    out = np.full(14, -1, np.float32)
                    checkpoint.read_into("a", start, out[1 : 1 + stop - start])
                    expected = [-1, *range(start, stop), *[-1] * (13 - stop + start)]
                    assert out.tolist() == expected

    def test_reads_from_many_threads(self, save: SaveCheckpoint, tmp_path: Path) -> None:
        """Pieces read at once by many threads are the pieces read one after another."""
        array = np.random.default_rng(1).standard_normal(5000).astype(np.float32)

        def piece(start: int) -> bytes:
            out = np.empty(100, np.float32)
            checkpoint.read_into("a", start, out)
            return out.tobytes()

        with open_checkpoint(save(tmp_path, {"a": array})) as checkpoint, ThreadPoolExecutor(8) as threads:
            pieces = list(threads.map(piece, range(0, 5000, 100)))
        assert b"".join(pieces) == array.tobytes()

    def test_opens_twice_at_once(self, save: SaveCheckpoint, tmp_path: Path) -> None:
        """Closing one of two open checkpoints of the same files leaves the other readable."""
        ref = save(tmp_path, {"a": np.ones(3, np.float32)})
        with open_checkpoint(ref) as survivor:
            with open_checkpoint(ref) as other:
                other.read("a")
            assert survivor.read("a").tolist() == [1, 1, 1]

    def test_names_the_files_that_matter(self, save: SaveCheckpoint, tmp_path: Path) -> None:
        """The files are absolute paths of existing files, and one of them at least is there."""
        with open_checkpoint(save(tmp_path, {"a": np.ones(3, np.float32)})) as checkpoint:
            assert checkpoint.path.is_absolute()
            assert checkpoint.files
            assert all(file.is_absolute() and file.is_file() for file in checkpoint.files)

    def test_refuses_an_unknown_name(self, save: SaveCheckpoint, tmp_path: Path) -> None:
        """Asking for a tensor that is not there is an error that names checkpoint and tensor."""
        ref = save(tmp_path, {"a": np.ones(3, np.float32)})
        with (
            open_checkpoint(ref) as checkpoint,
            pytest.raises(CheckpointError, match="holds no tensor 'wieght'") as info,
        ):
            checkpoint.read("wieght")
        assert str(ref) in str(info.value)

    def test_refuses_to_read_when_closed(self, save: SaveCheckpoint, tmp_path: Path) -> None:
        """A closed checkpoint keeps its header and reads nothing."""
        with open_checkpoint(save(tmp_path, {"a": np.ones(3, np.float32)})) as checkpoint:
            pass
        assert list(checkpoint.tensors) == ["a"]
        with pytest.raises(CheckpointError, match="is closed"):
            checkpoint.read("a")

    @pytest.mark.parametrize(
        ("start", "out"),
        [
            (0, np.empty(3, np.float64)),
            (0, np.empty((3, 1), np.float32)),
            (0, np.empty(6, np.float32)[::2]),
            (1, np.empty(3, np.float32)),
            (-1, np.empty(1, np.float32)),
            (4, np.empty(0, np.float32)),
        ],
        ids=["dtype", "two dimensions", "strided", "beyond the end", "before the start", "empty beyond the end"],
    )
    def test_refuses_a_wrong_piece(self, save: SaveCheckpoint, tmp_path: Path, start: int, out: Array) -> None:
        """A buffer of another dtype or layout, or a range outside the tensor, is the caller's mistake."""
        ref = save(tmp_path, {"a": np.ones(3, np.float32)})
        with open_checkpoint(ref) as checkpoint, pytest.raises(ValueError, match="a F32"):
            checkpoint.read_into("a", start, out)

    def test_never_mixes_two_versions_of_a_file(self, save: SaveCheckpoint, tmp_path: Path) -> None:
        """After its files were replaced, a checkpoint reads what was there when it was opened, or refuses."""
        (tmp_path / "old").mkdir()
        (tmp_path / "new").mkdir()
        with open_checkpoint(save(tmp_path / "old", {"a": np.full(3, 1, np.float32)})) as checkpoint:
            save(tmp_path / "new", {"a": np.full(3, 2, np.float32)})
            for file in checkpoint.files:
                (tmp_path / "new" / file.relative_to(tmp_path / "old")).replace(file)
            outcome = _read_or_refusal(checkpoint, "a")
        assert outcome == [1, 1, 1] or "changed after its header was read" in outcome


def _read_or_refusal(checkpoint: Checkpoint, name: str) -> list[float] | str:
    try:
        return [float(value) for value in checkpoint.read(name)]
    except CheckpointError as error:
        return str(error)
