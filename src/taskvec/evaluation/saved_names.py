"""A module's weights under the names that its checkpoints have, which are not always the module's own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch.nn import Module


def weights_by_name(model: Module) -> dict[str, torch.Tensor]:
    """Return the float tensors of a module, in its own memory, by every name that a direction may use.

    transformers 5 renames weights as it loads them and back as it saves them: Dinov2's ``attention.k_proj`` is
    ``attention.attention.key`` in its files. What is not merely renamed there (experts that are fused in memory, say)
    is known by the module's own name alone.

    Args:
        model: The module.

    Returns:
        The module's own names first, then those of its checkpoints.
    """
    own = {name: weight for name, weight in model.state_dict().items() if weight.is_floating_point()}
    loading = sys.modules.get("transformers.core_model_loading")
    if loading is None or not hasattr(model, "save_pretrained"):
        return own
    memory = {(weight.data_ptr(), weight.shape): weight for weight in own.values()}
    saved: dict[str, torch.Tensor] = loading.revert_weight_conversion(model, dict(own))
    return own | {
        name: memory[weight.data_ptr(), weight.shape]
        for name, weight in saved.items()
        if (weight.data_ptr(), weight.shape) in memory
    }
