"""A model that is only looked at: evaluation mode, no gradients, a chosen precision, and its modes put back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from taskvec.training.precision import Precision, computing_in

if TYPE_CHECKING:
    import torch
    from torch.nn import Module


@contextmanager
def inferring(model: Module, precision: Precision) -> Generator[torch.device]:
    """Let a model compute without learning.

    Args:
        model: The model; every module's mode is put back afterwards, of those too whose mode is not the model's.
        precision: In which numbers it computes.

    Yields:
        The device that it is on.
    """
    import torch

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode(), computing_in(precision, model):
            yield next(model.parameters()).device
    finally:
        for module, was_training in modes:
            module.training = was_training
