from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.descriptors import READ_POOL, DescriptorPool
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import save_safetensors


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / str(number) for number in range(6)]
    for path in paths:
        path.write_text(path.name)
    return paths


@pytest.fixture
def opened() -> list[Path]:
    return []


@pytest.fixture
def pool(opened: list[Path]) -> DescriptorPool[Path]:
    def open_file(path: Path) -> int:
        opened.append(path)
        return os.open(path, os.O_RDONLY)

    return DescriptorPool(open_file, limit=2)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class TestPool:
    def test_opens_a_file_once(self, pool: DescriptorPool[Path], opened: list[Path], files: list[Path]) -> None:
        for _ in range(3):
            with pool.borrow(files[0]) as descriptor:
                assert os.pread(descriptor, 9, 0) == b"0"
        assert opened == files[:1]

    def test_closes_the_least_recently_used(
        self, pool: DescriptorPool[Path], opened: list[Path], files: list[Path]
    ) -> None:
        for index in (0, 1, 0, 2, 0, 1):
            with pool.borrow(files[index]):
                pass
        assert opened == [files[0], files[1], files[2], files[1]]
        assert len(pool) == 2

    def test_never_closes_what_is_borrowed(self, pool: DescriptorPool[Path], files: list[Path]) -> None:
        with ExitStack() as stack:
            descriptors = [stack.enter_context(pool.borrow(path)) for path in files]
            assert [os.pread(descriptor, 9, 0) for descriptor in descriptors] == [b"0", b"1", b"2", b"3", b"4", b"5"]
            assert len(pool) == len(files)
        with pool.borrow(files[0]):
            pass
        pool.forget([files[0]])
        with pool.borrow(files[0]):
            assert len(pool) == pool.limit

    def test_forgets_at_once_or_after_the_last_borrower(self, pool: DescriptorPool[Path], files: list[Path]) -> None:
        with pool.borrow(files[0]) as idle:
            pass
        pool.forget(files)
        assert not is_open(idle)
        with pool.borrow(files[1]) as outer:
            with pool.borrow(files[1]) as inner:
                pool.forget(files)
                assert inner == outer
            assert os.pread(outer, 9, 0) == b"1"
        assert not is_open(outer)

    def test_survives_many_threads(self, pool: DescriptorPool[Path], files: list[Path]) -> None:
        def read(number: int) -> bytes:
            path = files[number % len(files)]
            if number % 7 == 0:
                pool.forget([path])
            with pool.borrow(path) as descriptor:
                return os.pread(descriptor, 9, 0)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(read, range(3000))) == [str(n % len(files)).encode() for n in range(3000)]


class TestReading:
    def test_many_checkpoints_keep_a_bounded_number_of_files_open(self, tmp_path: Path) -> None:
        refs = [
            save_safetensors(tmp_path / f"{n}.safetensors", {"a": np.array([n], np.float32)})
            for n in range(READ_POOL.limit + 40)
        ]
        with ExitStack() as stack:
            checkpoints = [stack.enter_context(open_checkpoint(ref)) for ref in refs]
            for number, checkpoint in enumerate(checkpoints):
                assert checkpoint.read("a").tolist() == [number]
            assert len(READ_POOL) <= READ_POOL.limit
        assert len(READ_POOL) == 0

    def test_a_file_replaced_behind_our_back_is_an_error(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.zeros(2, np.float32)})
        with open_checkpoint(ref) as checkpoint:
            READ_POOL.forget(list(READ_POOL._entries))
            save_safetensors(tmp_path / "b", {"a": np.ones(2, np.float32)}).replace(ref)
            with pytest.raises(CheckpointError, match=r"a\.safetensors: changed after its header was read"):
                checkpoint.read("a")

    def test_a_file_written_over_in_place_is_an_error(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.zeros(1000, np.float32)})
        with open_checkpoint(ref) as checkpoint:
            os.truncate(ref, ref.stat().st_size - 4)
            with pytest.raises(CheckpointError, match=r"a\.safetensors: changed after its header was read"):
                checkpoint.read("a")

    def test_a_file_truncated_while_it_is_read_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.zeros(1000, np.float32)})
        monkeypatch.setattr(os, "preadv", lambda *_: 0)
        with (
            open_checkpoint(ref) as checkpoint,
            pytest.raises(CheckpointError, match=r"a\.safetensors: ends at byte [0-9]+ while it is read"),
        ):
            checkpoint.read("a")

    def test_short_reads_are_continued(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.arange(40, dtype=np.float32)})
        whole = os.preadv
        monkeypatch.setattr(os, "preadv", lambda descriptor, out, position: whole(descriptor, [out[0][:7]], position))
        with open_checkpoint(ref) as checkpoint:
            assert checkpoint.read("a").tolist() == list(range(40))

    def test_a_failing_disk_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> int:
            raise OSError(5, "Input/output error")

        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.arange(4, dtype=np.float32)})
        monkeypatch.setattr(os, "preadv", fail)
        with (
            open_checkpoint(ref) as checkpoint,
            pytest.raises(CheckpointError, match=r"a\.safetensors: cannot be read"),
        ):
            checkpoint.read("a")
