"""The floor: reading and writing bytes with the system's own tools, from the page cache and past it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.measuring import Contender
from benchmarks.setting import Setting

_READ_CACHED = 'cat "$@" >/dev/null'
_READ_DIRECTLY = 'for file; do dd if="$file" of=/dev/null bs=16M iflag=direct status=none; done'
_WRITE = "head -c {size} /dev/zero > {output}"
_FLUSH = "sync {output}"


def floor(
    setting: Setting,
    label: str,
    files: Sequence[Path],
    written_bytes: int = 0,
    *,
    directly: bool = False,
    flushed: bool = False,
) -> Contender:
    """Read files and write bytes, doing nothing with either.

    Args:
        setting: Where to write.
        label: A name for the tables.
        files: What to read, in order.
        written_bytes: How much to write.
        directly: Read from the disk itself and not from the page cache.
        flushed: Wait until what was written is on the disk.

    Returns:
        The contender.
    """
    output = setting.scratch / "floor"
    steps = [_READ_DIRECTLY if directly else _READ_CACHED]
    if written_bytes:
        steps.append(_WRITE.format(size=written_bytes, output=f"'{output}'"))
    if flushed:
        steps.append(_FLUSH.format(output=f"'{output}'"))

    def prepare() -> None:
        setting.fresh(output.name)
        if directly:
            forget(files)

    return Contender(label, ["sh", "-ec", "\n".join(steps), "sh", *files], prepare)


def forget(files: Iterable[Path]) -> None:
    """Drop files from the page cache; what others have there stays."""
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
