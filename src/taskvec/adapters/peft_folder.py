"""A PEFT adapter as a folder: the names, shapes and configuration that ``PeftModel.from_pretrained`` expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec._version import __version__
from taskvec.adapters.targets import is_embedding, module_of
from taskvec.adapters.whole_tensors import WholeTensors
from taskvec.linalg.truncation import Truncated
from taskvec.types import TensorInfo

Single = NDArray[np.float32]

_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class PeftLayout:
    """How the adapter of one base is laid out.

    Attributes:
        is_transposed: Whether the base keeps its matrices as inputs × outputs.
    """

    is_transposed: bool

    def factors(self, info: TensorInfo, found: Truncated) -> dict[str, Single]:
        """Return A and B under PEFT's names.

        Args:
            info: The base's tensor.
            found: Its change.

        Returns:
            Name → float32 array.
        """
        left, right = found.left.astype(np.float32), found.right.astype(np.float32)
        module = _PREFIX + module_of(info.name)
        if is_embedding(module_of(info.name)):
            return {f"{module}.lora_embedding_A": _copied(left.T), f"{module}.lora_embedding_B": _copied(right.T)}
        if self.is_transposed and len(info.shape) == 2:
            left, right = _copied(right.T), _copied(left.T)
        ones = (1,) * (len(info.shape) - 2)
        down = right.reshape(found.rank, *info.shape[1:]) if ones else right
        return {
            f"{module}.lora_A.weight": _copied(down),
            f"{module}.lora_B.weight": _copied(left.reshape(*left.shape, *ones)),
        }


def peft_config(
    base: str, ranks: Mapping[str, int], layout: PeftLayout, whole: WholeTensors | None = None
) -> dict[str, Any]:
    """Return ``adapter_config.json``: α = r for every layer, so that all scales are 1.

    Args:
        base: The base as its user named it.
        ranks: Tensor of the base → rank.
        layout: How the adapter is laid out.
        whole: What it holds beside factors.

    Returns:
        The configuration.
    """
    kept = whole or WholeTensors()
    by_module = {module_of(name): rank for name, rank in ranks.items()}
    most = max(by_module.values(), default=1)
    patterns = {_pattern(module, list(by_module)): rank for module, rank in by_module.items() if rank != most}
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": base,
        "r": most,
        "lora_alpha": most,
        "rank_pattern": patterns,
        "alpha_pattern": patterns,
        "target_modules": list(by_module),
        "modules_to_save": list(kept.modules) or None,
        "lora_dropout": 0.0,
        "bias": "all" if kept.has_biases else "none",
        "fan_in_fan_out": layout.is_transposed,
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "inference_mode": True,
        "taskvec_version": __version__,
    }


def _pattern(module: str, modules: Sequence[str]) -> str:
    """Return what matches a layer alone; PEFT takes patterns as the ends of names."""
    is_end = any(other.endswith(f".{module}") for other in modules)
    return f"^{module}" if is_end else module


def _copied(array: Single) -> Single:
    return np.ascontiguousarray(array)
