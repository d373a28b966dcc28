"""What a command costs, and several commands taken in turn so that they meet the same machine."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a command cost.

    Attributes:
        seconds: Wall time of the whole process.
        peak_bytes: The most memory that it held, as the operating system counts it.
        open_files: The most files that it was seen to hold open.
        read_bytes: Bytes that it asked the system for.
        disk_read_bytes: Bytes that had to come from the disk.
        written_bytes: Bytes that it gave to the system.
    """

    seconds: float
    peak_bytes: int
    open_files: int
    read_bytes: int
    disk_read_bytes: int
    written_bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """A run and what the command printed."""

    run: Run
    stdout: str


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Contender:
    """A command with a name.

    Attributes:
        label: Its name in the tables.
        command: Program and arguments.
        prepare: Called before every run, untimed.
        environment: Variables to set beside the present ones.
    """

    label: str
    command: Sequence[str | Path]
    prepare: Callable[[], None] = _nothing
    environment: Mapping[str, str] | None = None


def measure(contender: Contender) -> Done:
    """Prepare and run a command once.

    Raises:
        BenchmarkError: If it fails; its last words are in the message.
    """
    contender.prepare()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "cost.json"
        done = subprocess.run(
            [sys.executable, "-I", "-S", LAUNCHER, report, *contender.command],
            env={**os.environ, **(contender.environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no word on stderr"]
            raise BenchmarkError(f"{contender.label}: exit status {done.returncode}: {last[0]}")
        return Done(Run(**json.loads(report.read_text(encoding="ascii"))), done.stdout)


def in_turn(
    contenders: Sequence[Contender], repeats: int, say: Callable[[str], None], *, warm_up: bool = True
) -> dict[str, list[Done]]:
    """Run all commands once, then all of them again, so that a busy minute of the machine meets every one.

    Args:
        contenders: What is compared.
        repeats: How many times each is measured.
        say: Told each result as it comes.
        warm_up: First run each once, unmeasured, so that caches of files and of compiled code are as they will be.

    Returns:
        The measured runs of each by label.
    """
    done: dict[str, list[Done]] = {contender.label: [] for contender in contenders}
    for turn in range(-1 if warm_up else 0, repeats):
        for contender in contenders:
            latest = measure(contender)
            say(f"{contender.label}: {latest.run.seconds:.2f} s" + (" (warm-up)" if turn < 0 else ""))
            if turn >= 0:
                done[contender.label].append(latest)
    return done


def runs_of(done: Mapping[str, Sequence[Done]]) -> dict[str, tuple[Run, ...]]:
    """Keep the costs and drop what was printed."""
    return {label: tuple(one.run for one in several) for label, several in done.items()}


def median_seconds(runs: Sequence[Run]) -> float:
    """The middle wall time."""
    return statistics.median(run.seconds for run in runs)


def timing(runs: Sequence[Run]) -> tuple[float, float, float]:
    """The middle, least and greatest wall time."""
    seconds = [run.seconds for run in runs]
    return statistics.median(seconds), min(seconds), max(seconds)


def peak(runs: Sequence[Run]) -> int:
    """The most memory that any run held."""
    return max(run.peak_bytes for run in runs)
