from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import safetensors.torch
import torch
from checkpoint_formats import torch_state_dict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from taskvec.checkpoints import CheckpointWriter, open_checkpoint
from taskvec.checkpoints.local_files import LocalFiles, use_files
from taskvec.errors import OutputError
from taskvec.testing.checkpoints import LOGICAL, Array, raw_bits, save_folder, tensor_info
from taskvec.testing.files import FaultyFiles
from taskvec.types import DType, TensorInfo

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=0, max_size=8).filter(lambda n: n != "__metadata__")
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    """Draw any bits of any dtype: NaN payloads, subnormal numbers and negative zeros come up too."""
    dtype = draw(st.sampled_from(DType))
    elements = st.integers(0, 1) if dtype is DType.BOOL else None
    bits = np.dtype(f"u{dtype.itemsize}")
    drawn = draw(hnp.arrays(bits, draw(SHAPES), elements=elements))
    return np.asarray(drawn).reshape(-1).view(LOGICAL[dtype]).reshape(drawn.shape)


def infos(tensors: Mapping[str, Array]) -> list[TensorInfo]:
    return list(starmap(tensor_info, tensors.items()))


def bits_by_safetensors(folder: Path) -> dict[str, bytes]:
    """Read a folder with the format's reference implementation."""
    every = {}
    for file in folder.glob("*.safetensors"):
        for name, tensor in safetensors.torch.load_file(file).items():
            every[name] = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    return every


class TestRoundTrip:
    @settings(deadline=None)
    @given(
        tensors=st.dictionaries(NAMES, arrays(), max_size=6),
        shard_size=st.none() | st.integers(1, 200),
        metadata=st.none() | st.dictionaries(NAMES, NAMES, max_size=3),
        data=st.data(),
    )
    def test_any_tensors_in_any_pieces_and_order_for_any_shard_size(
        self, tensors: dict[str, Array], shard_size: int | None, metadata: dict[str, str] | None, data: st.DataObject
    ) -> None:
        raw = {name: raw_bits(array).reshape(-1) for name, array in tensors.items()}
        cuts = {name: data.draw(st.integers(0, bits.size)) for name, bits in raw.items()}
        pieces = [(name, piece) for name, cut in cuts.items() for piece in (slice(0, cut), slice(cut, None))]
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            with CheckpointWriter(folder, infos(tensors), shard_size=shard_size, metadata=metadata) as writer:
                for name, piece in data.draw(st.permutations(pieces)):
                    writer.write(name, piece.start, raw[name][piece])
            expected = {name: bits.tobytes() for name, bits in raw.items()}
            with open_checkpoint(folder) as checkpoint:
                assert {name: checkpoint.read(name).tobytes() for name in checkpoint.tensors} == expected
                assert {info.name: info for info in infos(tensors)} == checkpoint.tensors
                assert checkpoint.metadata == {**(metadata or {}), "format": "pt"}
            assert bits_by_safetensors(folder) == expected
            written = sum(file.stat().st_size for file in folder.iterdir())
        assert written == CheckpointWriter.plan_bytes(infos(tensors), shard_size=shard_size, metadata=metadata)

    def test_reads_what_safetensors_writes(self, tmp_path: Path) -> None:
        tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "ß": np.array(True)}
        safetensors.torch.save_file(torch_state_dict(tensors), tmp_path / "a.safetensors", metadata={"k": "v"})
        with open_checkpoint(tmp_path / "a.safetensors") as checkpoint:
            assert checkpoint.read("a").tolist() == tensors["a"].tolist()
            assert checkpoint.metadata == {"k": "v"}

    def test_from_many_threads(self, tmp_path: Path) -> None:
        tensors = {str(number): np.full(64, number, np.float32) for number in range(40)}
        with CheckpointWriter(tmp_path, infos(tensors), shard_size=256) as writer, ThreadPoolExecutor(8) as threads:
            jobs = [(name, start) for start in range(0, 64, 16) for name in tensors]
            list(threads.map(lambda job: writer.write(*job, tensors[job[0]][job[1] : job[1] + 16]), jobs))
        assert bits_by_safetensors(tmp_path) == {name: array.tobytes() for name, array in tensors.items()}


class TestLayout:
    TENSORS = (
        TensorInfo("a", DType.F32, (4,)),
        TensorInfo("big", DType.F32, (50,)),
        TensorInfo("b", DType.F32, (4,)),
        TensorInfo("c", DType.F32, (3,)),
        TensorInfo("d", DType.F32, (1,)),
    )

    def _write_zeros(self, folder: Path, **options: int) -> CheckpointWriter:
        with CheckpointWriter(folder, self.TENSORS, **options) as writer:
            for info in self.TENSORS:
                writer.write(info.name, 0, np.zeros(info.num_params, np.float32))
        return writer

    def test_one_file(self, tmp_path: Path) -> None:
        assert self._write_zeros(tmp_path).files == ("model.safetensors",)
        assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]

    def test_shards_are_filled_in_order_and_a_big_tensor_has_its_own(self, tmp_path: Path) -> None:
        shards = [f"model-0000{number}-of-00004.safetensors" for number in (1, 2, 3, 4)]
        assert self._write_zeros(tmp_path, shard_size=28).files == (*shards, "model.safetensors.index.json")
        index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
        assert index == {
            "metadata": {"total_size": 62 * 4},
            "weight_map": {"a": shards[0], "big": shards[1], "b": shards[2], "c": shards[2], "d": shards[3]},
        }

    def test_a_big_tensor_at_the_start_leaves_no_empty_shard(self, tmp_path: Path) -> None:
        with CheckpointWriter(tmp_path, self.TENSORS[1:2], shard_size=28) as writer:
            writer.write("big", 0, np.zeros(50, np.float32))
        assert writer.files == ("model.safetensors",)

    def test_shards_are_named_after_the_file(self, tmp_path: Path) -> None:
        tensors = [TensorInfo("a", DType.U8, (0,)), TensorInfo("b", DType.U8, (2,)), TensorInfo("c", DType.U8, (2,))]
        with CheckpointWriter(tmp_path, tensors, shard_size=2, filename="atoms.safetensors") as writer:
            writer.write("b", 0, np.zeros(2, np.uint8))
            writer.write("c", 0, np.zeros(2, np.uint8))
        first, second = "atoms-00001-of-00002.safetensors", "atoms-00002-of-00002.safetensors"
        assert writer.files == (first, second, "atoms.safetensors.index.json")

    def test_every_tensor_is_aligned_to_its_elements(self, tmp_path: Path) -> None:
        tensors = {"x": np.ones(3, np.uint8), "y": np.ones(3, np.float16), "z": np.ones(3, np.float64)}
        file = save_folder(tmp_path, tensors) / "model.safetensors"
        contents = file.read_bytes()
        header_bytes = int.from_bytes(contents[:8], "little")
        header = json.loads(contents[8 : 8 + header_bytes])
        for name, array in tensors.items():
            assert (8 + header_bytes + header[name]["data_offsets"][0]) % array.itemsize == 0

    def test_the_files_have_their_size_from_the_start(self, tmp_path: Path) -> None:
        CheckpointWriter(tmp_path, self.TENSORS)
        size = (tmp_path / "model.safetensors").stat().st_size
        assert size == CheckpointWriter.plan_bytes(self.TENSORS)

    def test_an_empty_checkpoint_is_a_checkpoint(self, tmp_path: Path) -> None:
        CheckpointWriter(tmp_path, []).close()
        with open_checkpoint(tmp_path) as checkpoint:
            assert not checkpoint.tensors
        assert bits_by_safetensors(tmp_path) == {}


class TestRefusals:
    INFO = TensorInfo("a", DType.F32, (4,))

    @pytest.fixture
    def writer(self, tmp_path: Path) -> CheckpointWriter:
        return CheckpointWriter(tmp_path, [self.INFO])

    @pytest.mark.parametrize(
        ("name", "start", "data", "complaint"),
        [
            ("wieght", 0, np.zeros(4, np.float32), "tensor 'wieght' was not announced"),
            ("a", 0, np.zeros(4, np.float64), "needs contiguous elements of float32, not float64"),
            ("a", 0, np.zeros(4, np.int32), "needs contiguous elements of float32, not int32"),
            ("a", 0, np.zeros(8, np.float32)[::2], "needs contiguous elements"),
            ("a", 1, np.zeros(4, np.float32), "elements 1 … 5 are not within a F32"),
            ("a", -1, np.zeros(1, np.float32), "elements -1 … 0 are not within a F32"),
        ],
    )
    def test_wrong_data(self, writer: CheckpointWriter, name: str, start: int, data: Array, complaint: str) -> None:
        with pytest.raises(ValueError, match=complaint):
            writer.write(name, start, data)

    def test_a_forgotten_piece(self, writer: CheckpointWriter, tmp_path: Path) -> None:
        writer.write("a", 0, np.zeros(3, np.float32))
        with pytest.raises(OutputError, match=r"model\.safetensors: 3 of 4 elements of tensor 'a' were written"):
            writer.close()

    def test_a_piece_written_twice(self, writer: CheckpointWriter, tmp_path: Path) -> None:
        for _ in range(2):
            writer.write("a", 0, np.zeros(3, np.float32))
        with pytest.raises(OutputError, match="6 of 4 elements of tensor 'a' were written; write each once"):
            writer.close()

    def test_an_exception_is_not_hidden_by_what_is_missing(self, writer: CheckpointWriter) -> None:
        with pytest.raises(KeyboardInterrupt), writer:
            raise KeyboardInterrupt

    def test_a_name_given_twice(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="tensor 'a' would be written twice"):
            CheckpointWriter(tmp_path, [self.INFO, self.INFO])

    def test_a_reserved_name(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="'__metadata__' has a name that safetensors reserves"):
            CheckpointWriter(tmp_path, [TensorInfo("__metadata__", DType.F32, ())])

    @pytest.mark.parametrize("shard_size", [0, -5])
    def test_an_impossible_shard_size(self, tmp_path: Path, shard_size: int) -> None:
        with pytest.raises(OutputError, match="give a positive shard size"):
            CheckpointWriter(tmp_path, [self.INFO], shard_size=shard_size)

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="absent: cannot be written to: No such file"):
            CheckpointWriter(tmp_path / "absent", [self.INFO])

    def test_a_file_that_exists(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"precious")
        with pytest.raises(OutputError, match=r"model\.safetensors: cannot be created: File exists"):
            CheckpointWriter(tmp_path, [self.INFO])
        assert (tmp_path / "model.safetensors").read_bytes() == b"precious"


def test_files_of_a_writer_that_was_given_up_are_made_anew(tmp_path: Path) -> None:
    infos = [TensorInfo("a", DType.F32, (4,))]
    CheckpointWriter(tmp_path, infos).write("a", 0, np.zeros(4, np.float32))  # which leaves a handle of its file
    (tmp_path / "model.safetensors").unlink()
    with CheckpointWriter(tmp_path, infos) as writer:
        writer.write("a", 0, np.ones(4, np.float32))
    assert bits_by_safetensors(tmp_path) == {"a": np.ones(4, np.float32).tobytes()}


class Unreserving(LocalFiles):
    """The disk of this machine, on a file system that reserves no bytes."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def _reserve(self, descriptor: int, size: int) -> None:
        raise OSError(self.number, os.strerror(self.number))


class TestFullDisk:
    def test_more_than_the_disk_has_is_refused_before_any_file_is_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        little = shutil.disk_usage(tmp_path)._replace(free=4000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: little)
        with pytest.raises(OutputError, match=r"needs 4[0-9]{3} bytes that the disk does not have"):
            CheckpointWriter(tmp_path, [TensorInfo("a", DType.F32, (1000,))])
        assert not list(tmp_path.iterdir())

    def test_a_disk_that_fills_up_while_files_are_made(self, tmp_path: Path) -> None:
        with (
            use_files(FaultyFiles(fails={"create": errno.ENOSPC})),
            pytest.raises(OutputError, match=r"needs [0-9]+ bytes that the disk does not have") as refusal,
        ):
            CheckpointWriter(tmp_path, [TensorInfo("a", DType.F32, (4,))])
        assert str(refusal.value).startswith(f"{tmp_path}: ")

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
    def test_a_disk_without_room_for_what_is_reserved(self, tmp_path: Path, number: int) -> None:
        with (
            use_files(Unreserving(number)),
            pytest.raises(OutputError, match=r"needs [0-9]+ bytes that the disk does not have"),
        ):
            CheckpointWriter(tmp_path, [TensorInfo("a", DType.F32, (4,))])

    def test_a_file_system_without_preallocation_will_do(self, tmp_path: Path) -> None:
        with (
            use_files(Unreserving(errno.EOPNOTSUPP)),
            CheckpointWriter(tmp_path, [TensorInfo("a", DType.F32, (4,))]) as writer,
        ):
            writer.write("a", 0, np.ones(4, np.float32))
        assert bits_by_safetensors(tmp_path) == {"a": np.ones(4, np.float32).tobytes()}

    def test_a_disk_that_fails_while_writing_is_named(self, tmp_path: Path) -> None:
        with use_files(FaultyFiles(fails={"write_at": errno.EIO}, after=1)):
            writer = CheckpointWriter(tmp_path, [TensorInfo("a", DType.F32, (4,))])
        with pytest.raises(OutputError, match=r"model\.safetensors: cannot be written: Input/output error"):
            writer.write("a", 0, np.ones(4, np.float32))

    def test_a_disk_that_fails_while_it_takes_what_was_written_is_named(self, tmp_path: Path) -> None:
        with (
            pytest.raises(OutputError, match=r"model\.safetensors: cannot be brought to the disk: Input/output error"),
            use_files(FaultyFiles(fails={"sync": errno.EIO})),
            CheckpointWriter(tmp_path, [TensorInfo("a", DType.F32, (4,))]) as writer,
        ):
            writer.write("a", 0, np.ones(4, np.float32))

    def test_short_writes_are_continued(self, tmp_path: Path) -> None:
        with (
            use_files(FaultyFiles(at_once=7)),
            CheckpointWriter(tmp_path, [TensorInfo("a", DType.F32, (40,))]) as writer,
        ):
            writer.write("a", 0, np.arange(40, dtype=np.float32))
        assert bits_by_safetensors(tmp_path) == {"a": np.arange(40, dtype=np.float32).tobytes()}
