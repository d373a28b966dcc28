from __future__ import annotations

import subprocess
import sys

import pytest

from taskvec.streaming.memory import format_size, parse_size

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
