"""How the tensors of a model are divided into groups, each with a basis of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_LAYER = re.compile(r"(?:.*?\.)?\d+(?=\.)")


class Grouping(StrEnum):
    """What has a basis of its own: the whole ``model``, each ``layer`` or each ``tensor``.

    A layer is what shares a name up to its first number (``encoder.layer.3``); a tensor whose name has none belongs
    with its siblings (``embeddings.cls_token`` to ``embeddings``).
    """

    MODEL = "model"
    LAYER = "layer"
    TENSOR = "tensor"

    def group_of(self, tensor: str) -> str:
        """Return the group that a tensor belongs to."""
        if self is Grouping.MODEL:
            return "model"
        if self is Grouping.TENSOR:
            return tensor
        layer = _LAYER.match(tensor)
        return layer[0] if layer else tensor.rpartition(".")[0] or tensor


@dataclass(frozen=True)
class Group:
    """Some tensors and what their deltas have to do with each other.

    Attributes:
        name: Its name.
        tensors: The tensors, in the base's order.
        gram: VᵀV over these tensors, ``(T, T)``.
        num_bytes: What an atom takes in them.
    """

    name: str
    tensors: tuple[str, ...]
    gram: Matrix
    num_bytes: int


def make_groups(
    grouping: Grouping, tensors: Sequence[str], per_tensor: Matrix, num_bytes: Sequence[int]
) -> tuple[Group, ...]:
    """Divide tensors into groups.

    Args:
        grouping: How.
        tensors: The N tensors, in the base's order.
        per_tensor: Gram matrices, float64 ``(N, T, T)``.
        num_bytes: What an atom takes in each tensor.

    Returns:
        The groups in the order of their first tensors; Gram matrices are summed in the base's order.
    """
    members: dict[str, list[int]] = {}
    for index, tensor in enumerate(tensors):
        members.setdefault(grouping.group_of(tensor), []).append(index)
    groups = []
    for name, indices in members.items():
        gram = np.zeros(per_tensor.shape[1:])
        for index in indices:
            gram += per_tensor[index]
        size = sum(num_bytes[index] for index in indices)
        groups.append(Group(name, tuple(tensors[index] for index in indices), gram, size))
    return tuple(groups)
