"""One pass of the engine as a step of a verb: what its kernel makes of each tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from taskvec.streaming.aligned import AlignedTensor, Arrays
from taskvec.streaming.engine import run
from taskvec.streaming.job import Job
from taskvec.streaming.plan import RunOptions, plan_pass
from taskvec.streaming.steps import Foreseen, NotesOf, Pass, no_notes


@dataclass(frozen=True)
class Reducing(Pass[Mapping[str, Arrays]]):
    """Reducing every tensor to a few small arrays.

    Attributes:
        job: What is read and computed; files are its kernel's own.
        unknown: What is known of the arrays of a tensor before it is read; what only reading can tell is NaN.
        notes: Where the pass notes what it has finished.
    """

    job: Job
    unknown: Callable[[AlignedTensor], Arrays]
    notes: NotesOf = no_notes

    def foresee(self, options: RunOptions) -> Foreseen[Mapping[str, Arrays]]:
        """Return what it costs."""
        planned = plan_pass(self.job.label, self.job.tensors, self.job.kernel, options)
        arrays = {tensor.name: self.unknown(tensor) for tensor in self.job.tensors}
        return Foreseen(arrays, (planned,), planned.written_bytes)

    def run(self, options: RunOptions) -> Mapping[str, Arrays]:
        """Read everything."""
        with self.notes(self.job) as journal:
            return run(self.job, options, journal)
