"""Telling jobs apart, and noticing files that change while they are read."""

from __future__ import annotations

from pathlib import Path

from blake3 import blake3

from taskvec._version import __version__
from taskvec.errors import CheckpointError, SourceChangedError
from taskvec.streaming.aligned import AlignedTensor
from taskvec.streaming.job import Job

States = dict[Path, tuple[int, int, int]]
"""File → size, time of the last change of content, time of the last change of anything."""


def source_states(job: Job) -> States:
    """Return the state of every file that a job reads.

    Raises:
        CheckpointError: If a file is gone.
    """
    checkpoints = {located.checkpoint for tensor in job.tensors for located in tensor.located}
    states: States = {}
    for path in sorted({path for checkpoint in checkpoints for path in checkpoint.files}):
        try:
            stat = path.stat()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
        states[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    return states


def check_unchanged(job: Job, before: States) -> None:
    """Refuse the results of a job whose files changed while they were read.

    Raises:
        SourceChangedError: If one did.
    """
    now = source_states(job)
    for path, state in before.items():
        if now[path] != state:
            raise SourceChangedError(
                f"{path}: changed while it was read: run the same command again when it is complete"
            )


def job_key(job: Job, output: str = "") -> str:
    """Return a key that two runs share only if they compute the same from the same files to the same output.

    Args:
        job: The job; its writers need not be there yet.
        output: Whatever decides how the output is laid out.

    Returns:
        A hexadecimal key.
    """
    key = blake3(f"{__version__}\0{type(job.kernel).__qualname__}\0{job.grain}\0{output}\0".encode())
    key.update(job.kernel.parameters())
    for path, state in source_states(job).items():
        key.update(f"\0{path}\0{state}".encode())
    for tensor in job.tensors:
        key.update(_describe(tensor))
    return key.hexdigest()


def _describe(tensor: AlignedTensor) -> bytes:
    sources = [f"{located.checkpoint.path}\0{located.info}" for located in tensor.located]
    return "\0".join([tensor.name, str(tensor.output_dtype), *sources]).encode()
