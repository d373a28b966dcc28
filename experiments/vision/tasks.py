"""The demo's tasks as tasks of the library, and glyphs in a second style."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from demo.cache import Cache
from demo.evaluation import classification
from demo.pictures import Pictures
from demo.settings import from_environment
from demo.splits import Split
from demo.study import Study, prepare
from demo.tasks import TASKS
from transformers import Dinov2Model

from experiments.vision.analogies import STYLE
from experiments.vision.plan import Plan
from taskvec.evaluation import SimpleTask


def studies(plan: Plan, base: Dinov2Model, base_name: str, cache: Cache) -> list[Study]:
    """Pictures, splits and fixed heads of the tasks: the demo's own, in its cache."""
    settings = from_environment()
    return [prepare(task, base, base_name, settings, cache) for task in TASKS[: plan.num_tasks]]


def negative(study: Study) -> Study:
    """The same pictures white on black, under the same head."""
    parts = (_negative(part) for part in (study.split.train, study.split.val, study.split.test))
    task = replace(study.task, name=f"{study.task.name}_{STYLE}", title=f"{study.task.title}, white on black")
    return replace(study, task=task, name=f"{study.name}-{STYLE}", split=Split(*parts))


def _negative(pictures: Pictures) -> Pictures:
    return replace(pictures, images=255 - pictures.images)


def eval_task(study: Study, plan: Plan) -> SimpleTask:
    """Accuracy under the study's head, on the first pictures of its validation and test parts."""
    way = classification(study, plan.precision)
    return way.task(study.task.name, _first(study.split.val, plan.validation), _first(study.split.test, plan.test))


def eval_tasks(known: Sequence[Study], plan: Plan) -> list[SimpleTask]:
    """The tasks of some studies."""
    return [eval_task(study, plan) for study in known]


def _first(pictures: Pictures, count: int) -> tuple[np.ndarray, np.ndarray]:
    return pictures.images[:count], pictures.labels[:count]
