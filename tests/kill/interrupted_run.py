"""One operation in a process of its own, which kills itself after a given number of finished units.

Run as ``python interrupted_run.py OPERATION FOLDER UNITS``; prints how many bytes of work were taken up from before.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from taskvec import Basis, OutputOptions, RunOptions, Store, compress, decompose, edit, merge, similarity
from taskvec.bases.collection import add_tasks
from taskvec.streaming import journal
from taskvec.streaming.events import BytesDone, Event, Resumed
from taskvec.types import DType

MAX_CHUNK = 1 << 16


class Flushes:
    """Counts how often journals began and ended to bring their notes to the disk, which may take a busy disk long."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        flush = journal.Journal._flush

        def counted(kept: journal.Journal) -> None:
            self.begun += 1
            flush(kept)
            self.ended += 1

        journal.Journal._flush = counted

    def wait(self) -> None:
        """Wait until whatever was noted by now is on the disk, if any journal is there to note it."""
        wanted = self.begun + 1
        while self.ended < wanted and any(thread.name == "taskvec-journal" for thread in threading.enumerate()):
            time.sleep(journal._INTERVAL)


class Saboteur:
    """Counts finished units; kills the process after so many of them, when their notes are on the disk."""

    def __init__(self, units: int, flushes: Flushes) -> None:
        self.left = units
        self.flushes = flushes
        self.resumed_bytes = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Resumed):
            self.resumed_bytes += event.count
        if isinstance(event, BytesDone):
            if self.left == 0:
                self.flushes.wait()
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1


def _store(folder: Path, options: RunOptions) -> Store:
    return Store(folder / "store", options)


def _init(folder: Path, options: RunOptions) -> None:
    Store.init(folder / "new_store", folder / "base", options)


def _add(folder: Path, options: RunOptions) -> None:
    _store(folder, options).add({"extra": folder / "extra"})


def _similarity(folder: Path, options: RunOptions) -> None:
    similarity(_store(folder, options))


def _compress(folder: Path, options: RunOptions) -> None:
    compress(_store(folder, options), "two", num_atoms=2)


def _compress_to_int8(folder: Path, options: RunOptions) -> None:
    compress(_store(folder, options), "two", num_atoms=2, dtype=DType.I8)


def _join(folder: Path, options: RunOptions) -> None:
    add_tasks(Basis.load(_store(folder, options), "one"), ["c", "extra"])


def _edit(folder: Path, options: RunOptions) -> None:
    output = OutputOptions(shard_size=3_000_000)
    edit(_store(folder, options), "base + 0.5*sum(a, b, c)", folder / "edited", output=output)


def _merge(folder: Path, options: RunOptions) -> None:
    expression = "base + 0.5*ties(a, b, c, density=0.3) + 0.1*model_stock(a, b)"
    edit(_store(folder, options), expression, folder / "edited")


def _recipe(folder: Path, options: RunOptions) -> None:
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "name: half\nbase: base\nvectors: {a: a}\nresult: base + 0.5*a\n---\n"
        "base: half\nvectors: {b: b, c: c}\nresult: base + 0.5*(b + c)\n",
        encoding="utf-8",
    )
    merge(recipe, folder / "edited", options=options, sha256=False)


def _decompose(folder: Path, options: RunOptions) -> None:
    decompose(_store(folder, options), rank=24, threshold=0.4)


OPERATIONS: dict[str, Callable[[Path, RunOptions], None]] = {
    "init": _init,
    "add": _add,
    "similarity": _similarity,
    "compress": _compress,
    "edit": _edit,
}

WHOLE_MATRICES: dict[str, Callable[[Path, RunOptions], None]] = {"decompose": _decompose}
"""What finishes one matrix after another, three in all."""

IN_STEPS: dict[str, Callable[[Path, RunOptions], None]] = {
    "compress to int8": _compress_to_int8,
    "join": _join,
    "merge": _merge,
    "recipe": _recipe,
}
"""What takes several passes before it is done."""


def main() -> None:
    operation, folder, units = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    journal._INTERVAL = 0.005
    saboteur = Saboteur(units, Flushes())
    {**OPERATIONS, **WHOLE_MATRICES, **IN_STEPS}[operation](folder, RunOptions(max_chunk=MAX_CHUNK, listener=saboteur))
    sys.stdout.write(f"{saboteur.resumed_bytes}\n")


if __name__ == "__main__":
    main()
