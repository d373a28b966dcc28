"""SHA-256 of input files, as hubs give it: known where somebody has computed it before, else one read of the file.

A file in a hub's cache bears its hash as its name. What was hashed here is remembered under the user's cache folder by
path, size and times, as long as the file was at rest before.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from taskvec.checkpoints import write_json_atomic
from taskvec.checkpoints.strict_json import parse_object
from taskvec.errors import CheckpointError, OutputError
from taskvec.streaming import PlannedPass, RunOptions
from taskvec.streaming.events import BytesDone, PassFinished, PassStarted
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.memory import resident_bytes

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BUFFER = 1 << 20
_REST_NS = 2 * 10**9  # a file that changed less long ago may change again without its times telling


def known_hash(path: Path) -> str | None:
    """Return the hash of a file without reading it, or None."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and _DIGEST.fullmatch(blob.name):
        return blob.name
    record = _record(path)
    try:
        value = parse_object(record.read_bytes()).get("sha256") if record.is_file() else None
    except (OSError, ValueError):
        return None
    return value if isinstance(value, str) and _DIGEST.fullmatch(value) else None


def plan_hashes(paths: Iterable[Path], options: RunOptions) -> tuple[PlannedPass, ...]:
    """Plan what :func:`hash_files` has to read; nothing where all hashes are known."""
    unknown = [path for path in paths if known_hash(path) is None]
    if not unknown:
        return ()
    workers = min(options.workers, len(unknown))
    projected = resident_bytes() + workers * _BUFFER
    return (PlannedPass(_label(unknown), _size(unknown), 0, len(unknown), workers, _BUFFER, projected, forgets=False),)


def hash_files(paths: Iterable[Path], options: RunOptions) -> Mapping[Path, str]:
    """Return the hash of every file, reading those that are not known, several at once.

    Args:
        paths: The files.
        options: The limits.

    Returns:
        File → 64 hexadecimal digits.

    Raises:
        CheckpointError: If a file cannot be read.
    """
    every = list(dict.fromkeys(paths))
    known = {path: value for path in every if (value := known_hash(path)) is not None}
    unknown = sorted(set(every) - set(known), key=lambda path: (-path.stat().st_size, str(path)))
    return {**known, **(_read_all(unknown, options) if unknown else {})}


def _read_all(paths: Sequence[Path], options: RunOptions) -> dict[Path, str]:
    label, began = _label(paths), time.perf_counter()
    options.listener(PassStarted(label, _size(paths)))

    def read(path: Path) -> str:
        value = _sha256(path)
        options.listener(BytesDone(label, path.stat().st_size))
        return value

    found = EXECUTORS[options.executor].run(read, paths, options.workers)
    hashes = dict(zip(paths, found, strict=True))
    options.listener(PassFinished(label, time.perf_counter() - began))
    return hashes


def _sha256(path: Path) -> str:
    """Read a file and remember what was found.

    Raises:
        CheckpointError: If it cannot be read.
    """
    record = _record(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        is_at_rest = time.time_ns() - path.stat().st_mtime_ns > _REST_NS
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    if is_at_rest and record == _record(path):
        _remember(record, path, digest.hexdigest())
    return digest.hexdigest()


def _remember(record: Path, path: Path, value: str) -> None:
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomic(record, {"file": str(path), "sha256": value})
    except (OSError, OutputError):  # a cache that cannot be written is no cache
        return


def _record(path: Path) -> Path:
    """Return where the hash of a file in its present state is remembered."""
    stat = path.stat()
    state = f"{path.absolute()}|{stat.st_dev}|{stat.st_ino}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "taskvec" / "sha256" / f"{hashlib.sha256(state.encode()).hexdigest()}.json"


def _label(paths: Sequence[Path]) -> str:
    return f"hash {len(paths)} file{'s' if len(paths) > 1 else ''} (SHA-256)"


def _size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
