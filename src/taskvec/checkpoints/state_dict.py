"""Which part of an unpickled file is the state dict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskvec.checkpoints.quoting import listed, quoted
from taskvec.errors import CheckpointError

_NESTED_UNDER = ("state_dict", "model")


def find_state_dict(loaded: object, tensor_type: type[Any], file: Path) -> Mapping[str, Any]:
    """Find the one mapping from names to tensors in what a training script saved.

    Beside a nested state dict, epochs, optimizers and single numbers are bookkeeping and are passed over. A second
    state dict or a tensor beside it is not.

    Args:
        loaded: What the file holds: a state dict, or a dictionary with one under ``state_dict`` or ``model``.
        tensor_type: ``torch.Tensor``.
        file: The file, for messages.

    Returns:
        The state dict.

    Raises:
        CheckpointError: If there is none, there are several, or it holds anything but tensors.
    """
    if not isinstance(loaded, Mapping):
        raise CheckpointError(
            f"{file}: is {_kind(loaded, tensor_type)}, expected a state dict; save model.state_dict()"
        )
    nested = [key for key in _NESTED_UNDER if isinstance(loaded.get(key), Mapping)]
    if nested:
        _check_bookkeeping(loaded, nested[0], tensor_type, file)
    tensors: Mapping[Any, Any] = loaded[nested[0]] if nested else loaded
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise CheckpointError(f"{file}: entry {quoted(name)} has no text for a name; save model.state_dict()")
        if not isinstance(value, tensor_type):
            raise CheckpointError(
                f"{file}: entry {quoted(name)} is {_kind(value, tensor_type)}, expected a tensor; save tensors alone"
            )
    return tensors


def _kind(value: object, tensor_type: type[Any]) -> str:
    return "a lone tensor" if isinstance(value, tensor_type) else f"of type {type(value).__name__}"


def _check_bookkeeping(loaded: Mapping[Any, Any], chosen: str, tensor_type: type[Any], file: Path) -> None:
    rivals = [key for key, value in loaded.items() if key != chosen and _is_state_dict(value, tensor_type)]
    if rivals:
        raise CheckpointError(
            f"{file}: holds the state dicts {listed([chosen, *map(str, rivals)])}; "
            "save the one you mean to a file of its own"
        )
    for key, value in loaded.items():
        if isinstance(value, tensor_type) and value.numel() > 1:
            raise CheckpointError(f"{file}: tensor {quoted(key)} lies beside {chosen!r}; put it inside or take it away")


def _is_state_dict(value: object, tensor_type: type[Any]) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(item, tensor_type) for item in value.values())
