"""What the demo does by default, and the three environment variables that change it."""

import os
from dataclasses import dataclass
from pathlib import Path

from demo.errors import DemoError
from demo.splits import Sizes


@dataclass(frozen=True)
class FineTuning:
    """How a backbone is fine-tuned under its fixed head.

    The learning rate is small on purpose: at five times as much, each fine-tune damages what the others need.
    """

    steps: int = 120
    batch: int = 32
    learning_rate: float = 1e-5
    warmup: float = 0.1  # share of the steps; then a cosine down to zero
    turn: float = 15.0  # degrees, either way
    stretch: float = 0.15  # scale by 1 ± this
    shift: float = 0.06  # of the picture's side, either way
    revision: int = 1  # raise it when the meaning of the code changes


SIZES = Sizes(train=2048, val=384, test=768)


@dataclass(frozen=True)
class Settings:
    """One run of the demo."""

    num_tasks: int
    out: Path
    cache: Path
    finetuning: FineTuning
    sizes: Sizes = SIZES
    seed: int = 0


def from_environment(environment: dict[str, str] | None = None) -> Settings:
    """Settings from DEMO_TASKS, DEMO_STEPS, DEMO_OUT and XDG_CACHE_HOME."""
    given = dict(os.environ) if environment is None else environment
    cache = Path(given.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Settings(
        num_tasks=_number(given, "DEMO_TASKS", default=8, low=2, high=8),
        out=Path(given.get("DEMO_OUT") or "demo-output"),
        cache=cache / "taskvec" / "demo",
        finetuning=FineTuning(steps=_number(given, "DEMO_STEPS", default=FineTuning.steps, low=1, high=100_000)),
    )


def _number(given: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name) or str(default)
    if not text.isdecimal() or not low <= int(text) <= high:
        raise DemoError(f"{name}={text} is not a whole number from {low} to {high}")
    return int(text)
