"""Where and on what a figure was measured: without this it means nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
"""Where the system says what its processors did."""

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine.

    Attributes:
        cpu: The processor's own name.
        cores: Processors that may be used.
        memory_bytes: Main memory.
        kernel: Operating system and release.
        python: Version of the interpreter.
    """

    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(
        cpu=_field("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def available_memory() -> int:
    """Bytes that could be had now without pushing others out."""
    return int(_field("/proc/meminfo", r"MemAvailable:\s*(\d+) kB") or 0) * 1024


def others_share(seconds: float = 2.0) -> float:
    """Return the share of all processors that other work takes: nothing of ours runs while it is measured.

    Args:
        seconds: How long to look.

    Returns:
        Between 0 and 1.
    """
    idle, total = _spent()
    time.sleep(seconds)
    idle_then, total_then = _spent()
    passed = total_then - total
    return 1.0 - (idle_then - idle) / passed if passed else 0.0


def commit() -> str:
    """The commit of this repository, and whether the library differs from it.

    Outside a clone there is none, and the answer says so.
    """
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--", "src")
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git clone)"
    return f"{head} with uncommitted changes" if changed else head


def _spent() -> tuple[int, int]:
    """Return for how many ticks all processors were idle since the system began, and how many there were."""
    words = STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
    user, nice, system, idle, waiting, *others = map(int, words[1:9])
    return idle + waiting, user + nice + system + idle + waiting + sum(others)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _field(file: str, pattern: str) -> str | None:
    found = re.search(pattern, Path(file).read_text(encoding="utf-8"))
    return found and found[1].strip()
