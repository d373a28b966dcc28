"""What a pass over the vectors of a store has finished, noted in the store until its result is safe."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from taskvec.errors import TaskvecError
from taskvec.streaming import Job, Journal, job_key


@contextmanager
def pass_journal(store: Path, job: Job) -> Generator[Journal]:
    """Note what a pass has finished; forget the notes when its result is safe.

    Args:
        store: The folder of the store.
        job: The pass.

    Yields:
        Where to note it; what a killed run of the same pass had noted is there.

    Raises:
        TaskvecError: As the pass did; the notes are forgotten too, for the same command would be refused again.
    """
    key = job_key(job)
    path = store / "gram" / f".{key[:32]}.journal"
    try:
        with Journal(path, key) as journal:
            yield journal
    except TaskvecError:
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)
