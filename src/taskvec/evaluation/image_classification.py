"""Image classification: a transformers backbone under a head that does not move, or a model with its own head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskvec.errors import EvaluationError
from taskvec.evaluation.inference import inferring
from taskvec.evaluation.tasks import Measure, Metrics, SimpleTask
from taskvec.training.precision import Precision

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

Images = Any
"""N images: a tensor ``(N, 3, H, W)`` that is normalised already, or whatever ``prepare`` turns into one."""


@dataclass(frozen=True)
class ImageClassification:
    """How logits are made of images, and in which numbers.

    Attributes:
        features: From model and images to features ``(N, F)`` of a fixed head, or to logits where there is none.
        head: Weight ``(C, F)`` and bias ``(C,)`` that do not move; None where the model has its own head.
        prepare: Turns a slice of the images into a tensor, such as normalising bytes; None where they are tensors.
        batch_size: Images at once.
        precision: In which numbers the model computes.
    """

    features: Callable[[Module, torch.Tensor], torch.Tensor]
    head: tuple[torch.Tensor, torch.Tensor] | None = None
    prepare: Callable[[Any], torch.Tensor] | None = None
    batch_size: int = 128
    precision: Precision = "float32"

    def predictions(self, model: Module, images: Images) -> torch.Tensor:
        """Return the class of every image, ``(N,)``, in evaluation mode; the model's mode is put back afterwards."""
        import torch

        found = []
        with inferring(model, self.precision) as device:
            for start in range(0, len(images), self.batch_size):
                piece = images[start : start + self.batch_size]
                batch = piece if self.prepare is None else self.prepare(piece)
                found.append(self._logits(model, batch.to(device)).argmax(dim=1).cpu())
        return torch.cat(found)

    def _logits(self, model: Module, batch: torch.Tensor) -> torch.Tensor:
        import torch

        features = self.features(model, batch)
        if self.head is None:
            return features
        weight, bias = (part.to(features.device, torch.float32) for part in self.head)
        with torch.autocast(features.device.type, enabled=False):
            return torch.nn.functional.linear(features.float(), weight, bias)

    def accuracy_on(self, images: Images, labels: Any) -> Measure:
        """Return what measures ``accuracy`` on some images.

        Args:
            images: N images.
            labels: Their classes, ``(N,)``.

        Returns:
            The measurement.

        Raises:
            EvaluationError: If there are not as many labels as images, or none.
        """
        if len(images) != len(labels) or not len(labels):
            raise EvaluationError(f"expected a label for every image, found {len(images)} and {len(labels)}")

        def measure(model: Module) -> Metrics:
            import torch

            hits = self.predictions(model, images) == torch.as_tensor(labels)
            return {"accuracy": float(hits.double().mean())}

        return measure

    def task(self, name: str, validation: tuple[Images, Any], test: tuple[Images, Any]) -> SimpleTask:
        """Return a task of labelled images.

        Args:
            name: Its name.
            validation: Images and labels by which λ may be chosen.
            test: Images and labels for results.

        Returns:
            The task.
        """
        return SimpleTask(name, self.accuracy_on(*validation), self.accuracy_on(*test))


def own_logits(model: Module, images: torch.Tensor) -> torch.Tensor:
    """Return the logits of a transformers image classifier with its own head, for :class:`ImageClassification`."""
    logits: torch.Tensor = model(images).logits
    return logits
