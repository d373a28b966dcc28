"""Kernels by name: whoever says as data which ones it calls can have them loaded before the memory is counted."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

_LOADERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    **{name: ("backends", "warm_up", (name,)) for name in ("combine", "gram", "project", "deltas")},
    **{name: ("rounding", "warm_up", (name,)) for name in ("widen", "round_into")},
    "add_product": ("products", "warm_up", ()),
    "dequantize": ("int8", "warm_up_reading", ()),
    "quantize": ("int8", "warm_up_writing", ()),
    "consensus": ("consensus", "warm_up", ()),
    "trimming": ("trimming", "warm_up", ()),
    "selection": ("selection", "warm_up", ()),
    "ranking": ("ranking", "warm_up", ()),
    "divergence": ("divergence", "warm_up", ()),
    "linear_algebra": ("one_thread", "warm_up_linear_algebra", ()),
}
"""Name → the module, its function that loads the kernel, and what that is told."""


def load(names: Iterable[str]) -> None:
    """Load kernels (the first time: compile them), so that the memory that they take is known before planning.

    Args:
        names: A kernel each, or a module of kernels that are called together.

    Raises:
        KeyError: If there is no such kernel.
    """
    for name in set(names):
        _load(name)


@cache
def _load(name: str) -> None:
    module, function, told = _LOADERS[name]
    loader: Any = getattr(import_module(f"taskvec.numerics.{module}"), function)
    loader(*told)
