from __future__ import annotations

import resource
from types import SimpleNamespace

import numpy as np
import pytest

from taskvec.streaming import memory
from taskvec.streaming.memory import available_bytes, format_size, parse_size, resident_bytes


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
    before = resident_bytes()
    held = np.ones(64 << 20, np.uint8)
    assert 60 << 20 < resident_bytes() - before < 80 << 20
    assert held.all()


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
