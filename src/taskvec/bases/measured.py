"""Inner products of atoms that exist already, generated or on disk, with themselves and with task vectors: one pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.forms import Form
from taskvec.vectors.inner_products import MissingProducts

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AtomProducts:
    """What certificates need to know of atoms as they are.

    Attributes:
        atom_gram: H = ŜᵀŜ per tensor, ``(K, K)`` each.
        cross: C = ŜᵀV per tensor, ``(K, T)`` each.
    """

    atom_gram: Mapping[str, Matrix]
    cross: Mapping[str, Matrix]


def atom_products(
    base: Checkpoint,
    atoms: Sequence[Form],
    tasks: Sequence[Form],
    allow: Collection[Rule],
    label: str | None = None,
) -> MissingProducts:
    """Describe the pass over atoms and task vectors.

    Args:
        base: The base model.
        atoms: The K atoms.
        tasks: The T task vectors.
        allow: Rules for tensors that do not match the base.
        label: What the pass is for.

    Returns:
        The products to be taken.
    """
    forms = (*atoms, *tasks)
    return MissingProducts(align(base, forms, allow).combinable, forms, len(atoms), label)


def split_products(products: Mapping[str, Matrix], count: int) -> AtomProducts:
    """Tell the products of atoms with each other from those with task vectors.

    Args:
        products: Tensor → ``(K, K + T)``.
        count: K.

    Returns:
        H and C of each tensor.
    """
    return AtomProducts(
        {name: product[:, :count] for name, product in products.items()},
        {name: product[:, count:] for name, product in products.items()},
    )
