from __future__ import annotations

import resource
import subprocess
import sys
from types import SimpleNamespace

import pytest

from taskvec.streaming import memory
from taskvec.streaming.memory import available_bytes, format_size, parse_size, resident_bytes

GROWN = """
from taskvec.streaming.memory import resident_bytes
before = resident_bytes()
held = b"1" * (64 << 20)
print(resident_bytes() - before)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1073741824", 1 << 30),
        ("512MiB", 512 << 20),
        ("5GB", 5 * 10**9),
        ("1.5 GiB", 3 << 29),
        ("7b", 7),
        (" 2 tib ", 2 << 40),
        ("3kB", 3000),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0GB", "-1GB", "1 XB", "GB", "1e9", "1,5GB", "5 G B", "inf"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size: write for example 512MiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 << 10, "1.5 MiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 40, "3.0 TiB"),
        (5000 << 40, "5000.0 TiB"),
    ],
)
def test_a_size_is_written_as_people_read_it(size: int, text: str) -> None:
    assert format_size(size) == text


def test_what_is_allocated_is_counted() -> None:
    """In a process of its own: where other tests have run, memory may be given back at any time."""
    done = subprocess.run([sys.executable, "-c", GROWN], capture_output=True, text=True, check=True)
    assert 60 << 20 < int(done.stdout) < 80 << 20


class Nowhere:
    """A path on a system without /proc."""

    def __init__(self, path: str) -> None:
        self.path = path

    def exists(self) -> bool:
        return False


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_where_the_system_says_only_the_peak_it_is_taken(
    platform: str, unit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "Path", Nowhere)
    monkeypatch.setattr(memory.sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_maxrss=5000))
    assert resident_bytes() == 5000 * unit
    assert available_bytes() is None


def test_what_is_available_is_counted_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "MemTotal:       100 kB\nMemAvailable:   1234 kB\n"
    monkeypatch.setattr(memory.Path, "read_text", lambda *_, **__: said)
    assert available_bytes() == 1234 * 1024
    monkeypatch.setattr(memory.Path, "read_text", lambda *_, **__: "MemTotal: 100 kB")
    assert available_bytes() is None
