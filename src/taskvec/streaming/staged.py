"""Steps that write within one folder, which appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from taskvec.checkpoints import StagedOutput
from taskvec.streaming.identity import job_key
from taskvec.streaming.job import Job
from taskvec.streaming.journal import Journal
from taskvec.streaming.plan import RunOptions
from taskvec.streaming.steps import Foreseen, Pass, Steps, foresee_steps, run_steps

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Folder:
    """Where steps may write, once they are run.

    Attributes:
        path: The folder.
        journal: Where a pass may note what it has finished.
        is_resumed: Whether a killed run's work at the same thing is still there.
    """

    path: Path
    journal: Path
    is_resumed: bool = False

    def notes(self, job: Job) -> Journal:
        """Note what a pass has finished; what a killed run of the same pass noted is there."""
        return Journal(self.journal, job_key(job))


@dataclass(frozen=True)
class Staged(Pass[T]):
    """Steps within a folder that is published when all of them are done.

    Attributes:
        near: Where the output will be, or a folder on the same disk.
        open: Begins the folder, or goes on with one that a killed run left.
        steps: From the folder to the steps.
        finish: Publishes the folder, and returns the result; a folder that it leaves unpublished is removed.
    """

    near: Path
    open: Callable[[], StagedOutput]
    steps: Callable[[Folder], Steps[T]]
    finish: Callable[[StagedOutput, T], T]

    def foresee(self, options: RunOptions) -> Foreseen[T]:
        """Return what the steps cost."""
        seen = foresee_steps(self.steps(Folder(self.near, self.near)), options)
        return replace(seen, target=self.near if seen.output_bytes else seen.target)

    def run(self, options: RunOptions) -> T:
        """Run the steps, and publish what they wrote."""
        with self.open() as staged:
            folder = Folder(staged.directory, staged.journal_path, staged.is_resumed)
            return self.finish(staged, run_steps(self.steps(folder), options))
