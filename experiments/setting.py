"""Where an experiment works, how much of it is done, and who hears of its progress."""

import os
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

EVIDENCE = Path(__file__).parents[1] / "docs" / "evidence"
OUTPUT = Path("experiments-output")
REPORT = OUTPUT / "report.html"
SEEDS = (0, 1, 2)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Setting:
    """One run.

    Attributes:
        cache: Where work that is done once is kept; every experiment uses the folder of its name.
        out: Where the result goes.
        is_fast: Whether the subset is run, of which the experiment says what it leaves out.
        seeds: Of everything random that is repeated.
        say: Told of progress, a line at a time.
        seconds: Step → seconds, filled by :meth:`step`.
    """

    cache: Path
    out: Path = EVIDENCE
    is_fast: bool = False
    seeds: tuple[int, ...] = SEEDS
    say: Callable[[str], None] = _say
    seconds: dict[str, float] = field(default_factory=dict)

    def command(self, name: str) -> str:
        """What runs an experiment as this run does."""
        return f"FAST=1 make experiment-{name}" if self.is_fast else f"make experiment-{name}"

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """Announce a step and add its seconds to the result."""
        started = time.monotonic()
        self.say(f"{name} …")
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 1)


def from_environment(environment: Mapping[str, str] | None = None) -> Setting:
    """Settings from FAST and XDG_CACHE_HOME; a fast run writes to `experiments-output`, never over the evidence."""
    given = os.environ if environment is None else environment
    cache = Path(given.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taskvec" / "experiments"
    if given.get("FAST", "0") in {"", "0"}:
        return Setting(cache)
    return Setting(cache, OUTPUT, is_fast=True, seeds=(0,))
