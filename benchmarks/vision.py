"""The fine-tunes of the demo, where they are in the user's cache, and their accuracy after compression."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SCALING = 0.3
"""λ of additions, the same for every row."""

PICTURES = 384
"""Test pictures of each task."""


@dataclass(frozen=True)
class Vision:
    """The demo's models and data.

    Attributes:
        base: The base model.
        finetuned: Task → fine-tune.
        studies: Task → data and head.
        own: Task → accuracy of its own fine-tune.
    """

    base: Path
    finetuned: Mapping[str, Path]
    studies: Mapping[str, Any]
    own: Mapping[str, float]

    def accuracies(self, basis: Any) -> tuple[float, float, float]:
        """Mean accuracy of recovered vectors alone, the least share of their own fine-tune's, mean of the sum."""
        from taskvec import edit

        with tempfile.TemporaryDirectory() as folder:
            alone = {}
            for task in basis.tasks:
                out = Path(folder) / task
                edit(basis.store, f"base + {task}", out, basis=basis.name)
                alone[task] = self._accuracy(out, task)
            out = Path(folder) / "sum"
            edit(basis.store, f"base + {SCALING}*sum({', '.join(basis.tasks)})", out, basis=basis.name)
            added = [self._accuracy(out, task) for task in basis.tasks]
        least = min(alone[task] / self.own[task] for task in basis.tasks)
        return sum(alone.values()) / len(alone), least, sum(added) / len(added)

    def _accuracy(self, folder: Path, task: str) -> float:
        return _accuracy(folder, self.studies[task])


def find_vision(say: Callable[[str], None]) -> Vision | None:
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
    say("vision: accuracy of the fine-tunes themselves")
    own = {name: _accuracy(folders[name], study) for name, study in studies.items()}
    return Vision(base, folders, studies, own)


def _accuracy(folder: Path, study: Any) -> float:
    from demo.encoding import encode

    from demo import backbone

    test = study.split.test
    features = encode(backbone.read(folder), test.images[:PICTURES])
    return float(study.head.accuracy(features, test.labels[:PICTURES]))
