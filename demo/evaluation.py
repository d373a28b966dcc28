"""How many pictures a backbone gets right under the fixed heads."""

from collections.abc import Iterable
from typing import Literal

from transformers import Dinov2Model

from demo.encoding import encode
from demo.pictures import Pictures
from demo.study import Study

Part = Literal["val", "test"]
Accuracies = dict[str, float]  # by task name


def accuracy(model: Dinov2Model, study: Study, part: Part) -> float:
    """The accuracy of `model` on one part of one task."""
    pictures: Pictures = getattr(study.split, part)
    return study.head.accuracy(encode(model, pictures.images), pictures.labels)


def accuracies(model: Dinov2Model, studies: Iterable[Study], part: Part) -> Accuracies:
    """The accuracy of `model` on one part of every task."""
    return {study.task.name: accuracy(model, study, part) for study in studies}


def mean(found: Accuracies) -> float:
    """The plain mean over tasks."""
    return sum(found.values()) / len(found)
