"""How many pictures a backbone gets right under the fixed heads."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch.nn import Module

from demo.encoding import features, tensors
from demo.pictures import Pictures
from demo.study import Study
from taskvec.evaluation.image_classification import ImageClassification
from taskvec.training import Precision

Part = Literal["val", "test"]
Accuracies = dict[str, float]  # by task name


def classification(study: Study, precision: Precision = "float32") -> ImageClassification:
    """How the study's head looks at what a backbone makes of pictures."""
    head = torch.from_numpy(study.head.weight), torch.from_numpy(study.head.bias)
    return ImageClassification(features, head, tensors, precision=precision)


def accuracy(model: Module, study: Study, part: Part) -> float:
    """The accuracy of `model` on one part of one task."""
    pictures: Pictures = getattr(study.split, part)
    return classification(study).accuracy_on(pictures.images, pictures.labels)(model)["accuracy"]


def accuracies(model: Module, studies: Iterable[Study], part: Part) -> Accuracies:
    """The accuracy of `model` on one part of every task."""
    return {study.task.name: accuracy(model, study, part) for study in studies}


def mean(found: Accuracies) -> float:
    """The plain mean over tasks."""
    return sum(found.values()) / len(found)
