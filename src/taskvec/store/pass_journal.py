"""What a pass over the vectors of a store has finished, noted in the store until its result is safe."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from taskvec.errors import TaskvecError
from taskvec.streaming import Foreseen, Job, Journal, NotesOf, Pass, RunOptions, job_key
from taskvec.vectors.inner_products import Gram, MissingProducts


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


@dataclass(frozen=True)
class NotedProducts(Pass[Mapping[str, Gram]]):
    """Inner products whose pass notes what it has finished until they are safe.

    Attributes:
        products: What is taken.
        notes: Where to note it, such as ``partial(pass_journal, store)``.
        keep: Brings what was found to safety, where more than the caller wants it.
    """

    products: MissingProducts
    notes: NotesOf
    keep: Callable[[Mapping[str, Gram]], None] | None = None

    def foresee(self, options: RunOptions) -> Foreseen[Mapping[str, Gram]]:
        """Return what taking them costs."""
        return self.products.foresee(options)

    def run(self, options: RunOptions) -> Mapping[str, Gram]:
        """Take them; what comes from factors alone is no pass, and needs no notes."""
        job = self.products.job(options)
        with self.notes(job) if self.products.streamed else nullcontext() as journal:
            found = self.products.run(options, journal)
            if self.keep is not None:
                self.keep(found)
        return found
