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
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taskvec.checkpoints import Checkpoint, write_json_atomic
from taskvec.checkpoints.local_files import files_in_use
from taskvec.checkpoints.strict_json import parse_object
from taskvec.checkpoints.table import FileSpan, TensorTable
from taskvec.errors import OutputError
from taskvec.streaming import (
    AlignedTensor,
    Arrays,
    Job,
    Located,
    PlannedPass,
    RunOptions,
    TensorKernel,
    TensorSink,
    plan_pass,
    run,
)
from taskvec.types import DType, TensorInfo

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
    unknown = [path for path in dict.fromkeys(paths) if known_hash(path) is None]
    if not unknown:
        return ()
    job = _job(unknown)
    return (plan_pass(job.label, job.tensors, job.kernel, options),)


def hash_files(paths: Iterable[Path], options: RunOptions) -> Mapping[Path, str]:
    """Return the hash of every file, reading those that are not known, several at once.

    Args:
        paths: The files.
        options: The limits.

    Returns:
        File → 64 hexadecimal digits.

    Raises:
        CheckpointError: If a file cannot be read.
        SourceChangedError: If one changed meanwhile.
    """
    every = list(dict.fromkeys(paths))
    known = {path: value for path in every if (value := known_hash(path)) is not None}
    unknown = sorted(set(every) - set(known), key=lambda path: (-path.stat().st_size, str(path)))
    found = run(_job(unknown), options) if unknown else {}
    return {**known, **{path: found[str(path)][0].tobytes().hex() for path in unknown}}


def _job(paths: Sequence[Path]) -> Job:
    """Describe the pass that hashes files, each as a tensor of bytes."""
    label = f"hash {len(paths)} file{'s' if len(paths) > 1 else ''} (SHA-256)"
    return Job(label, [_bytes_of(path) for path in paths], HashKernel())


def _bytes_of(path: Path) -> AlignedTensor:
    file = files_in_use().pin(path)
    info = TensorInfo(str(path), DType.U8, (file.size,))
    table = TensorTable({info.name: info}, {info.name: FileSpan(file, 0)}, (file,))
    return AlignedTensor(info.name, info.shape, None, (Located(Checkpoint(str(path), path, table), info),))


@dataclass(frozen=True)
class HashKernel(TensorKernel):
    """SHA-256 of a tensor of bytes, as 32 of them; remembered where the file was at rest."""

    def whole(self, tensor: AlignedTensor, writers: Sequence[TensorSink], threads: int) -> Arrays:  # noqa: ARG002
        """Read a file and remember what was found."""
        (located,), path = tensor.sources, Path(tensor.name)
        record, is_at_rest = _record(path), time.time_ns() - path.stat().st_mtime_ns > _REST_NS
        digest, buffer = hashlib.sha256(), np.empty(min(_BUFFER, tensor.num_params), np.uint8)
        for start in range(0, tensor.num_params, _BUFFER):
            count = min(_BUFFER, tensor.num_params - start)
            located.read_into(start, count, buffer)
            digest.update(buffer[:count].data)
        if is_at_rest and record == _record(path):
            _remember(record, path, digest.hexdigest())
        return (np.frombuffer(digest.digest(), np.uint8),)

    def unit_bytes(self, tensor: AlignedTensor) -> int:  # noqa: ARG002
        """Return the bytes that are read at once."""
        return _BUFFER

    def parameters(self) -> bytes:
        """Return nothing: there is one way to hash."""
        return b""


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
