"""Sampling from a diffusers model: pictures that depend on the seed alone, not on how many are drawn at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taskvec.errors import EvaluationError
from taskvec.evaluation.inference import inferring
from taskvec.evaluation.tasks import Measure, Metrics, SimpleTask
from taskvec.training.precision import Precision

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

Judge = Callable[["torch.Tensor", Sequence[int]], Metrics]
"""From samples ``(N, …)`` and the labels ``(N,)`` that were asked for to metrics."""


@dataclass(frozen=True)
class Sampling:
    """How samples are drawn from a denoiser of diffusers that is conditioned on labels, such as ``UNet2DModel``.

    Sample n starts from noise of its own generator, keyed by the seed and n. A deterministic scheduler (DDIM with
    η = 0) then makes the same pictures for any batch size, up to the rounding of the model's own products; edits of one
    model are compared on the same noise. Cost: ``num_steps`` forward passes a batch.

    Attributes:
        scheduler: A scheduler of diffusers; a copy of it is used, so that it stays as it is.
        shape: Of one sample, such as ``(3, 32, 32)``.
        num_steps: Denoising steps.
        seed: The key of the noise, 0 or more.
        batch_size: Samples at once.
        precision: In which numbers the model computes.
    """

    scheduler: Any
    shape: tuple[int, ...]
    num_steps: int = 25
    seed: int = 0
    batch_size: int = 64
    precision: Precision = "float32"

    def __call__(self, model: Module, labels: Sequence[int]) -> torch.Tensor:
        """Draw one sample for each label.

        Args:
            model: Called as ``model(x, timestep, class_labels=labels).sample``.
            labels: What is asked for, ``(N,)``.

        Returns:
            Samples in float32 on the CPU, ``(N, *shape)``.

        Raises:
            EvaluationError: If there are no labels.
        """
        import torch

        if not labels:
            raise EvaluationError("sampling: expected at least one label, found none; name what should be drawn")
        found = []
        with inferring(model, self.precision) as device:
            for start in range(0, len(labels), self.batch_size):
                piece = torch.tensor(labels[start : start + self.batch_size], device=device)
                found.append(self._denoised(model, self.noise(start, len(piece)).to(device), piece).float().cpu())
        return torch.cat(found)

    def noise(self, start: int, count: int) -> torch.Tensor:
        """Return what samples ``start … start + count − 1`` begin as, ``(count, *shape)``."""
        import torch

        # numpy mixes both keys; torch's CPU generator would use 32 bits of one.
        generators = [np.random.default_rng([self.seed, index]) for index in range(start, start + count)]
        noise = np.stack([generator.standard_normal(self.shape, dtype=np.float32) for generator in generators])
        return torch.from_numpy(noise)

    def _denoised(self, model: Module, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        scheduler = type(self.scheduler).from_config(self.scheduler.config)
        scheduler.set_timesteps(self.num_steps, device=noise.device)
        found: torch.Tensor = noise * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            scaled = scheduler.scale_model_input(found, timestep)
            found = scheduler.step(model(scaled, timestep, class_labels=labels).sample, timestep, found).prev_sample
        return found

    def judged_on(self, labels: Sequence[int], judge: Judge) -> Measure:
        """Return what draws samples and measures them.

        Args:
            labels: What is asked for, ``(N,)``.
            judge: From samples and labels to metrics.

        Returns:
            The measurement.
        """

        def measure(model: Module) -> Metrics:
            return judge(self(model, labels), labels)

        return measure

    def task(
        self, name: str, judge: Judge, *, validation: Sequence[int], test: Sequence[int], primary: str
    ) -> SimpleTask:
        """Return a task of samples, whose λ is chosen by labels that results are not about.

        Args:
            name: Its name.
            judge: From samples and labels to metrics.
            validation: Labels by which λ may be chosen.
            test: Labels for results.
            primary: The metric that is optimised.

        Returns:
            The task.

        Raises:
            EvaluationError: If a label is in both.
        """
        if both := sorted(set(validation) & set(test)):
            raise EvaluationError(f"task {name}: label {both[0]} is of validation and of test; deal labels to one side")
        return SimpleTask(name, self.judged_on(validation, judge), self.judged_on(test, judge), primary=primary)
