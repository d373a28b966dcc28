"""What no factors hold, in an adapter nevertheless: biases beside layers, and modules that are saved whole.

Both are PEFT's own ways (``bias`` and ``modules_to_save``). What they cannot hold: tensors that lie beside modules in a
module, such as a class token, weights of layers that were not asked for, and tied tensors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from taskvec.adapters.targets import is_layer, module_of
from taskvec.checkpoints import Checkpoint
from taskvec.errors import MemoryLimitError
from taskvec.streaming import RunOptions
from taskvec.streaming.memory import format_size, resident_bytes
from taskvec.streaming.plan import SLACK_BYTES
from taskvec.types import TensorInfo

_PREFIX = "base_model.model."
_BIAS = ".bias"
_HELD = 12  # bytes an element takes while a tensor is computed and rounded


@dataclass(frozen=True)
class WholeTensors:
    """Tensors that an adapter holds as they are after the edit.

    Attributes:
        names: Tensor of the base → its name in the adapter.
        modules: The modules that are saved whole.
        has_biases: Whether there are biases of layers.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    has_biases: bool = False


def whole_tensors(base: Checkpoint, changed: Collection[str], factored: Collection[str]) -> WholeTensors:
    """Choose how what factors leave out can be held.

    Args:
        base: The base.
        changed: The tensors that change and are no products of factors.
        factored: The tensors that are.

    Returns:
        What can be held.
    """
    layers = {module_of(info.name) for info in base.tensors.values() if is_layer(info)}
    adapted = {module_of(name) for name in factored}
    tied = {*base.tied, *base.tied.values()}
    biases: dict[str, str] = {}
    modules: list[str] = []
    for name in (name for name in changed if name not in tied):
        owner = name.rpartition(".")[0]
        if name.endswith(_BIAS) and owner in layers:
            biases[name] = f"{_PREFIX}{owner}{'.base_layer' if owner in adapted else ''}{_BIAS}"
        elif owner not in {*layers, *modules} and _is_leaf(base, owner):
            modules.append(owner)
    saved = {
        name: _PREFIX + name
        for name, info in base.tensors.items()
        if name.rpartition(".")[0] in modules and info.dtype.is_combinable
    }
    return WholeTensors({**biases, **saved}, tuple(modules), bool(biases))


def check_memory(whole: Collection[TensorInfo], options: RunOptions) -> None:
    """Refuse a tensor that does not fit in the allowed memory as a whole.

    Args:
        whole: The tensors that an adapter may hold whole.
        options: The limits.

    Raises:
        MemoryLimitError: If one does not.
    """
    largest = max(whole, key=lambda info: info.num_params, default=None)
    if largest and resident_bytes() + SLACK_BYTES + _HELD * largest.num_params > options.memory:
        raise MemoryLimitError(
            f"tensor {largest.name} {list(largest.shape)} does not fit whole in {format_size(options.memory)}: "
            "raise --memory, or leave --with-rest out"
        )


def _is_leaf(base: Checkpoint, module: str) -> bool:
    """Say whether a module has tensors of its own and no modules within."""
    inner = [name.removeprefix(f"{module}.") for name in base.tensors if name.startswith(f"{module}.")]
    return bool(module) and all("." not in name for name in inner)
