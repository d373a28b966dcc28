"""How a model is fine-tuned: steps, rates and precision, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from taskvec.errors import TrainingError
from taskvec.training.precision import Precision


@dataclass(frozen=True)
class Recipe:
    """AdamW with a warm-up and half a cosine.

    Weight decay is off unless asked for, so that a weight without a gradient keeps its base value and its delta is 0.

    Attributes:
        steps: Updates.
        learning_rate: At its highest.
        warmup: Share of the steps on the way up.
        weight_decay: Of AdamW.
        betas: Of AdamW.
        clip: The largest norm of the gradient; None does not clip.
        precision: In which numbers the forward pass computes; weights and optimizer stay in the model's dtype.
    """

    steps: int
    learning_rate: float
    warmup: float = 0.1
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0:
            raise TrainingError(
                f"recipe: expected at least one step and a positive rate, found {self.steps} steps at "
                f"{self.learning_rate:g}"
            )

    def rate(self, step: int) -> float:
        """Return the share of the learning rate at a step: a straight way up, times half a cosine down to 0."""
        rise = max(1.0, self.warmup * self.steps)
        return min(1.0, (step + 1) / rise) * (1 + math.cos(math.pi * step / self.steps)) / 2
