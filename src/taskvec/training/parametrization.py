"""Where ways of fine-tuning differ from the plain one: before the first step, around each update, after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch.nn import Module


class Parametrization:
    """Plain fine-tuning; others override what they need (masks, gates, penalties, a linearised forward pass)."""

    def attach(self, model: Module) -> None:
        """Change the model before its learning weights are gathered, such as by `torch.nn.utils.parametrize`."""

    def penalty(self, model: Module) -> torch.Tensor | None:  # noqa: ARG002
        """Return what is added to the loss; None for nothing."""
        return None

    def after_backward(self, model: Module) -> None:
        """Change gradients before they are clipped and used, such as by a mask."""

    def after_step(self, model: Module) -> None:
        """Change weights after an update, such as by a projection."""

    def detach(self, model: Module) -> None:
        """Leave an ordinary model whose weights hold what was learned."""
