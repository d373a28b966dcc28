"""In which numbers a model computes; its weights stay what they are."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch.nn import Module

Precision = Literal["float32", "bfloat16"]
"""``bfloat16``: matrix products in bfloat16 by torch's autocast, faster on CPUs with AMX and slower on others."""


def computing_in(precision: Precision, model: Module) -> AbstractContextManager[object]:
    """Let a model's forward pass compute in a precision.

    Args:
        precision: The precision.
        model: The model; its device decides.

    Returns:
        A context for forward passes.
    """
    if precision == "float32":
        return nullcontext()
    import torch

    weight = next(model.parameters(), None)
    device = "cpu" if weight is None else weight.device.type
    context: AbstractContextManager[object] = torch.autocast(device, dtype=torch.bfloat16)
    return context
