"""The fine-tunes of the demo, where they are in the user's cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Vision:
    """The demo's models and data.

    Attributes:
        base: The base model.
        finetuned: Task → fine-tune.
        studies: Task → data and head.
    """

    base: Path
    finetuned: Mapping[str, Path]
    studies: Mapping[str, Any]


def find_vision() -> Vision | None:
    """Find the demo's fine-tunes; None where they were not made, or the demo's packages are not here."""
    if find_spec("transformers") is None:
        return None
    from demo.cache import Cache
    from demo.study import prepare
    from demo.tasks import TASKS

    from demo import backbone, checkpoints, settings

    wanted = settings.from_environment({})
    cache = Cache(wanted.cache)
    if not any(cache.root.glob("finetuned-*")):
        return None
    base = checkpoints.base_folder(cache)
    model = backbone.read(base)
    studies = {task.name: prepare(task, model, base.name, wanted, cache) for task in TASKS}
    folders = {name: cache.root / checkpoints.finetuned_name(study, wanted) for name, study in studies.items()}
    if not all(folder.exists() for folder in folders.values()):
        return None
    return Vision(base, folders, studies)
