"""What every question is given: sizes, folders, the command that it measures, and someone to tell."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.families import Family, make_family
from benchmarks.layouts import Layout
from benchmarks.measuring import Contender, Done, in_turn
from benchmarks.scale import Scale


@dataclass(frozen=True, slots=True)
class Setting:
    """The circumstances of a question.

    Attributes:
        scale: How large and how often.
        cache: What is made once and kept.
        scratch: An empty folder beside it, on the same disk, that is removed afterwards.
        say: Told what goes on.
    """

    scale: Scale
    cache: Path
    scratch: Path
    say: Callable[[str], None]

    @property
    def is_toy(self) -> bool:
        """Whether only the benchmark itself is tried, and no peer installed for it."""
        return self.scale.name == "toy"

    def family(self, layout: Layout, num_finetuned: int) -> Family:
        """A base and its fine-tunes, from the cache."""
        self.say(f"models: {layout.name}, {num_finetuned} fine-tunes of {layout.num_params:,} weights")
        return make_family(self.cache, layout, num_finetuned)

    def in_turn(self, contenders: Sequence[Contender], repeats: int | None = None) -> dict[str, list[Done]]:
        """Measure commands in turn, as often as the scale says if not told otherwise; a toy is not warmed up."""
        times = self.scale.repeats if repeats is None else repeats
        return in_turn(contenders, times, self.say, warm_up=not self.is_toy)

    def fresh(self, name: str) -> Path:
        """A path in the scratch folder at which nothing is."""
        path = self.scratch / name
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
        return path


def taskvec() -> Path:
    """The installed command.

    Raises:
        BenchmarkError: If this interpreter's environment has none.
    """
    program = Path(sys.executable).with_name("taskvec")
    if not program.exists():
        raise BenchmarkError(f"{program}: the command is not installed; run: pip install -e .")
    return program
