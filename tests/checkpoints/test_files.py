"""Files that are many, that change, and that fail while they are read."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest

from taskvec.checkpoints import StagedOutput, open_checkpoint
from taskvec.checkpoints.local_files import LOCAL, files_in_use, use_files
from taskvec.errors import CheckpointError, OutputError
from taskvec.testing.checkpoints import save_safetensors
from taskvec.testing.files import FaultyFiles, HeadersAlone, NotedFiles, WaitingFiles


class TestReading:
    def test_many_checkpoints_keep_a_bounded_number_of_files_open(self, tmp_path: Path) -> None:
        pool = LOCAL.reading
        refs = [
            save_safetensors(tmp_path / f"{n}.safetensors", {"a": np.array([n], np.float32)})
            for n in range(pool.limit + 40)
        ]
        with ExitStack() as stack:
            checkpoints = [stack.enter_context(open_checkpoint(ref)) for ref in refs]
            for number, checkpoint in enumerate(checkpoints):
                assert checkpoint.read("a").tolist() == [number]
            assert len(pool) <= pool.limit
        assert len(pool) == 0

    def test_a_file_replaced_behind_our_back_is_an_error(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.zeros(2, np.float32)})
        with open_checkpoint(ref) as checkpoint:
            LOCAL.reading.forget_all()
            save_safetensors(tmp_path / "b", {"a": np.ones(2, np.float32)}).replace(ref)
            with pytest.raises(CheckpointError, match=r"a\.safetensors: changed after its header was read"):
                checkpoint.read("a")

    def test_a_file_written_over_in_place_is_an_error(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.zeros(1000, np.float32)})
        with open_checkpoint(ref) as checkpoint:
            os.truncate(ref, ref.stat().st_size - 4)
            with pytest.raises(CheckpointError, match=r"a\.safetensors: changed after its header was read"):
                checkpoint.read("a")

    def test_a_file_truncated_while_it_is_read_is_an_error(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.zeros(1000, np.float32)})
        end = ref.stat().st_size - 100
        with (
            use_files(FaultyFiles(ends=end)),
            open_checkpoint(ref) as checkpoint,
            pytest.raises(CheckpointError, match=rf"a\.safetensors: ends at byte {end} while it is read"),
        ):
            checkpoint.read("a")

    def test_short_reads_are_continued(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.arange(40, dtype=np.float32)})
        with use_files(FaultyFiles(at_once=7)), open_checkpoint(ref) as checkpoint:
            assert checkpoint.read("a").tolist() == list(range(40))

    def test_a_failing_disk_is_named(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.arange(4, dtype=np.float32)})
        with (
            use_files(FaultyFiles(fails={"read_at": errno.EIO}, after=2)),
            open_checkpoint(ref) as checkpoint,
            pytest.raises(CheckpointError, match=r"a\.safetensors: cannot be read: Input/output error"),
        ):
            checkpoint.read("a")

    def test_a_disk_that_fails_at_the_header_is_named(self, tmp_path: Path) -> None:
        ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.arange(4, dtype=np.float32)})
        with (
            use_files(FaultyFiles(fails={"read_at": errno.EIO})),
            pytest.raises(CheckpointError, match=r"a\.safetensors: cannot be read: Input/output error"),
        ):
            open_checkpoint(ref)

    def test_a_slow_disk_keeps_nobody_else_waiting(self, tmp_path: Path) -> None:
        slow = save_safetensors(tmp_path / "slow.safetensors", {"a": np.zeros(4, np.float32)})
        fast = save_safetensors(tmp_path / "fast.safetensors", {"a": np.ones(4, np.float32)})
        disk = WaitingFiles()
        with use_files(disk):
            waiting = open_checkpoint(slow)
        disk.slow.set()
        reader = threading.Thread(target=waiting.read, args=("a",))
        reader.start()
        try:
            assert disk.reached.wait(60)
            with open_checkpoint(fast) as checkpoint:
                assert checkpoint.read("a").tolist() == [1, 1, 1, 1]
            assert reader.is_alive()
        finally:
            disk.released.set()
            reader.join()


class TestOutputs:
    def test_a_disk_that_fails_when_an_output_is_published_leaves_none(self, tmp_path: Path) -> None:
        for operation in ("sync", "rename"):
            with use_files(FaultyFiles(fails={operation: errno.EIO})), StagedOutput(tmp_path / "out") as output:
                (output.directory / "file").write_text("contents")
                with pytest.raises(OutputError, match="out: cannot be published: Input/output error"):
                    output.publish()
            assert not list(tmp_path.iterdir())

    def test_a_disk_that_makes_no_folder_is_named(self, tmp_path: Path) -> None:
        with (
            use_files(FaultyFiles(fails={"make_folder": errno.EROFS})),
            pytest.raises(OutputError, match="out: cannot be written: Read-only file system"),
        ):
            StagedOutput(tmp_path / "new" / "out")
        assert not list(tmp_path.iterdir())

    def test_what_is_published_is_on_the_disk_before_it_has_its_name(self, tmp_path: Path) -> None:
        files = NotedFiles()
        with use_files(files), StagedOutput(tmp_path / "out") as output:
            (output.directory / "file").write_text("contents")
            output.publish()
        done = [operation for operation, _ in files.asked if operation in {"sync", "rename"}]
        assert done == ["sync", "rename"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not say what a descriptor leads to")
def test_what_is_renamed_or_brought_to_the_disk_is_there_with_the_folders_that_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    (tmp_path / "old" / "inner").mkdir(parents=True)
    (tmp_path / "old" / "inner" / "file").write_text("contents")
    LOCAL.sync(tmp_path / "old")
    assert synced == [tmp_path / "old" / "inner" / "file", tmp_path / "old" / "inner", tmp_path / "old"]
    synced.clear()
    LOCAL.rename(tmp_path / "old", tmp_path / "new")
    assert synced == [tmp_path]


def test_files_are_those_of_the_machine_but_for_a_with_block() -> None:
    files = NotedFiles()
    with suppress(KeyboardInterrupt), use_files(files):
        assert files_in_use() is files
        raise KeyboardInterrupt
    assert files_in_use() is LOCAL


def test_headers_alone_lets_no_weight_through(tmp_path: Path) -> None:
    ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.arange(4, dtype=np.float32)})
    with use_files(HeadersAlone()), open_checkpoint(ref) as checkpoint, pytest.raises(AssertionError, match="a weight"):
        checkpoint.read("a")
