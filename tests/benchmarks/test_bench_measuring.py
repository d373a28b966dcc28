"""What a command costs: time, memory, files and bytes, of the command and not of who measures it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.errors import BenchmarkError
from benchmarks.measuring import Contender, in_turn, measure

MEBIBYTE = 1 << 20


UNTIL_SEEN = """
import os, sys, time

def looks():
    with open(f"/proc/{os.getppid()}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary"))

files = [open(sys.argv[1], "rb") for _ in range(50)]
files[0].read()
seen = looks()
while looks() < seen + 5:  # whoever measures sleeps between two looks
    time.sleep(0.01)
"""


def python(code: str, *words: str) -> Contender:
    return Contender("program", [sys.executable, "-I", "-S", "-c", code, *words])


def test_memory_is_that_of_the_command() -> None:
    held = np.ones(300 * MEBIBYTE, np.uint8)  # by this process, which must not count
    small = measure(python("pass")).run.peak_bytes
    large = measure(python("held = b'x' * (100 << 20)")).run.peak_bytes
    assert small < 50 * MEBIBYTE < held.nbytes
    assert 100 * MEBIBYTE <= large < 120 * MEBIBYTE


def test_time_is_that_of_the_command() -> None:
    assert measure(python("import time; time.sleep(0.3)")).run.seconds >= 0.3


def test_bytes_and_files_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(3 * MEBIBYTE))
    run = measure(python(UNTIL_SEEN, str(file))).run
    assert 3 * MEBIBYTE <= run.read_bytes < 5 * MEBIBYTE
    assert 50 < run.open_files < 60


def test_what_a_child_of_the_command_reads_counts(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(3 * MEBIBYTE))
    run = measure(Contender("shell", ["sh", "-c", 'cat "$1" >"$1.copy"; :', "sh", file])).run
    assert 3 * MEBIBYTE <= run.read_bytes < 4 * MEBIBYTE
    assert 3 * MEBIBYTE <= run.written_bytes < 4 * MEBIBYTE


def test_a_command_that_fails_is_named_with_its_last_words() -> None:
    with pytest.raises(BenchmarkError, match="program: exit status 3: no room"):
        measure(python("import sys; print('no room', file=sys.stderr); sys.exit(3)"))


def test_commands_take_turns() -> None:
    order: list[str] = []
    contenders = [Contender(label, ["true"], lambda label=label: order.append(label)) for label in "ab"]
    done = in_turn(contenders, 2, lambda _: None)
    assert order == ["a", "b"] * 3
    assert {label: len(runs) for label, runs in done.items()} == {"a": 2, "b": 2}
