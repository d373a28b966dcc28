"""A journal by its bytes: what is noted is found again, and what is torn, foreign or locked is not."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest

from taskvec.errors import OutputError
from taskvec.streaming.journal import Journal, _decode

PARTS = [(np.arange(3.0), np.eye(2, dtype=np.int64)), (), (np.array(7, np.float32),)]


def noted(path: Path, key: str = "k", units: tuple[int, ...] = (4, 2)) -> None:
    with Journal(path, key) as journal:
        journal.start(lambda: None)
        for unit in units:
            journal.record(unit, PARTS)


def found(path: Path, key: str = "k") -> set[int]:
    with Journal(path, key) as journal:
        return set(journal.done)


def records(data: bytes) -> list[tuple[int, bytes]]:
    """Unit and payload of every record after the header, by the format's words."""
    at, units = data.index(b"\n") + 1, []
    while at < len(data):
        unit, length, checksum = struct.unpack_from("<III", data, at)
        payload = data[at + 12 : at + 12 + length]
        assert zlib.crc32(payload) == checksum
        units.append((unit, payload))
        at += 12 + length
    return units


def test_what_is_noted_is_found_again(tmp_path: Path) -> None:
    noted(tmp_path / "journal")
    with Journal(tmp_path / "journal", "k") as journal:
        assert set(journal.done) == {2, 4}
        for parts in journal.done.values():
            assert [[array.tolist() for array in one] for one in parts] == [[a.tolist() for a in one] for one in PARTS]
            assert [[array.dtype for array in one] for one in parts] == [[a.dtype for a in one] for one in PARTS]


def test_it_is_a_line_and_framed_records(tmp_path: Path) -> None:
    noted(tmp_path / "journal")
    data = (tmp_path / "journal").read_bytes()
    assert data.startswith(b"taskvec journal k\n")
    assert [unit for unit, _ in records(data)] == [4, 2]
    assert [payload[0] for _, payload in records(data)] == [2, 2]


def test_notes_go_on_behind_those_before(tmp_path: Path) -> None:
    noted(tmp_path / "journal")
    noted(tmp_path / "journal", units=(9,))
    assert [unit for unit, _ in records((tmp_path / "journal").read_bytes())] == [4, 2, 9]


def test_another_key_starts_over(tmp_path: Path) -> None:
    noted(tmp_path / "journal")
    assert found(tmp_path / "journal", "another") == set()
    assert (tmp_path / "journal").read_bytes() == b"taskvec journal another\n"


@pytest.mark.parametrize("cut", [1, 40])
def test_a_torn_record_is_dropped_and_written_over(tmp_path: Path, cut: int) -> None:
    noted(tmp_path / "journal")
    whole = (tmp_path / "journal").read_bytes()
    (tmp_path / "journal").write_bytes(whole[:-cut])
    noted(tmp_path / "journal", units=(7,))
    assert [unit for unit, _ in records((tmp_path / "journal").read_bytes())] == [4, 7]


def test_a_record_of_which_the_frame_is_torn_is_dropped(tmp_path: Path) -> None:
    noted(tmp_path / "journal")
    whole = (tmp_path / "journal").read_bytes()
    (tmp_path / "journal").write_bytes(whole + b"\0" * 11)
    assert found(tmp_path / "journal") == {2, 4}
    assert (tmp_path / "journal").read_bytes() == whole


def test_what_comes_after_a_changed_byte_is_dropped(tmp_path: Path) -> None:
    noted(tmp_path / "journal", units=(1, 2, 3))
    data = bytearray((tmp_path / "journal").read_bytes())
    first, second, _ = records(bytes(data))
    data[data.index(b"\n") + 1 + 12 + len(first[1]) + 12 + len(second[1]) - 1] ^= 1
    (tmp_path / "journal").write_bytes(bytes(data))
    assert found(tmp_path / "journal") == {1}


def test_a_journal_that_another_has_is_done_without(tmp_path: Path) -> None:
    noted(tmp_path / "journal")
    with Journal(tmp_path / "journal", "k") as first, Journal(tmp_path / "journal", "k") as second:
        assert (set(first.done), second.done) == ({2, 4}, {})
        second.start(lambda: None)
        second.record(5, PARTS)
    assert found(tmp_path / "journal") == {2, 4}


def test_outputs_are_on_the_disk_before_the_note_is(tmp_path: Path) -> None:
    noted(tmp_path / "journal")
    before, sizes = (tmp_path / "journal").stat().st_size, []
    with Journal(tmp_path / "journal", "k") as journal:
        journal.start(lambda: sizes.append((tmp_path / "journal").stat().st_size))
        journal.record(1, PARTS)
    assert sizes == [before]
    assert (tmp_path / "journal").stat().st_size > before


def test_nothing_is_synchronised_where_nothing_is_noted(tmp_path: Path) -> None:
    calls: list[int] = []
    with Journal(tmp_path / "journal", "k") as journal:
        journal.start(lambda: calls.append(1))
    assert calls == []


def test_an_output_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    failed = threading.Event()

    def full() -> None:
        failed.set()
        raise OSError(28, "No space left on device")

    def work() -> None:
        with Journal(tmp_path / "journal", "k") as journal:
            journal.start(full)
            journal.record(1, PARTS)
            assert failed.wait(60)
            journal._flusher.join()
            journal.record(2, PARTS)

    with pytest.raises(OutputError, match=r"journal: cannot be written: No space left on device"):
        work()
    assert found(tmp_path / "journal") == set()


def test_a_failure_is_said_at_the_end_unless_something_else_failed(tmp_path: Path) -> None:
    def broken() -> None:
        raise OutputError("the output is broken")

    def work(divisor: int) -> None:
        with Journal(tmp_path / "journal", "k") as journal:
            journal.start(broken)
            journal.record(1 // divisor, PARTS)
            journal.record(1 // (divisor - 1), PARTS)

    with pytest.raises(OutputError, match="the output is broken"):
        work(2)
    with pytest.raises(ZeroDivisionError):
        work(1)


def test_what_would_run_code_when_it_is_read_is_not_noted(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", "k") as journal, pytest.raises(ValueError, match="allow_pickle"):
        journal.record(1, [(np.array([object()]),)])


def test_what_would_run_code_is_not_read() -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        _decode(b"\1" + buffer.getvalue())


def test_a_process_that_is_interrupted_twice_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", "k") as journal:
        journal.start(lambda: None)
        (flusher,) = (thread for thread in threading.enumerate() if thread.name == "taskvec-journal")
        assert flusher.daemon
    assert not flusher.is_alive()


def test_where_no_file_can_be_the_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"journal: cannot be written: No such file"):
        Journal(tmp_path / "absent" / "journal", "k")
