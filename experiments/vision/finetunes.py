"""Fine-tunes by task, learning rate and seed, as the demo makes its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from demo.cache import Cache
from demo.checkpoints import finetuned_folder
from demo.progress import Reporter
from demo.settings import from_environment
from demo.study import Study

from experiments.vision.plan import Plan


def finetuned(
    known: Sequence[Study], base: Path, plan: Plan, cache: Cache, learning_rate: float, seed: int
) -> dict[str, Path]:
    """The fine-tune of every study, by task name.

    Data, heads and base are the same for every seed: a seed decides the order of pictures and how they are moved.
    """
    demo = from_environment()
    how = replace(demo.finetuning, steps=plan.steps_at(learning_rate), learning_rate=learning_rate)
    settings, reporter = replace(demo, seed=seed, finetuning=how), Reporter()
    return {study.task.name: finetuned_folder(study, base, settings, cache, reporter) for study in known}
