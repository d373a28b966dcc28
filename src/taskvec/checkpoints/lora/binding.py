"""An adapter put on its base: what it adds to every tensor that it touches, as products of factors."""

from __future__ import annotations

import math
from collections import defaultdict

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.derived import Remainder, Sum, derived, float32_like
from taskvec.checkpoints.lora.adapter import LoraPair, adapter_of
from taskvec.checkpoints.lora.base_names import BaseNames
from taskvec.checkpoints.products import Factor, Product, Stored, SumOfProducts
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.table import TensorSource
from taskvec.errors import AlignmentError
from taskvec.types import TensorInfo


def bound(adapter: Checkpoint, base: Checkpoint) -> Checkpoint:
    """Return what an adapter adds to its base: float32 tensors under the base's names, multiplied out as they are read.

    Args:
        adapter: The adapter.
        base: The model that it was trained on.

    Returns:
        The deltas; tensors that the adapter does not touch are not there.

    Raises:
        AlignmentError: If the base has no such tensor, or one of another shape.
    """
    changes = adapter_of(adapter)
    modules = [pair.module for pair in changes.pairs]
    names = BaseNames(base, [*modules, *(name.removesuffix(".weight") for name in changes.replaced)])
    products: dict[str, list[Product]] = defaultdict(list)
    for pair in changes.pairs:
        info = _found(adapter, base, pair.module, names.weight(pair.module))
        products[info.name].append(_product(adapter, pair, base, info))
    replaced: dict[str, str] = {}
    for target, own in changes.replaced.items():
        info = _found(adapter, base, target, names.tensor(target))
        _check_replacement(adapter, own, base, info)
        replaced[info.name] = own
    sources: dict[TensorInfo, TensorSource] = {}
    for name in [*products, *(name for name in replaced if name not in products)]:
        parts: list[TensorSource] = [SumOfProducts(tuple(products[name]))] if name in products else []
        if name in replaced:
            parts.append(Remainder(Stored(adapter, replaced[name]), (Stored(base, name),)))
        sources[float32_like(base.tensors[name])] = parts[0] if len(parts) == 1 else Sum(tuple(parts))
    return derived(adapter.ref, sources, [adapter, base] if replaced else [adapter])


def _found(adapter: Checkpoint, base: Checkpoint, said: str, name: str | None) -> TensorInfo:
    """Return the tensor of the base that is meant.

    Raises:
        AlignmentError: If there is none, or it is tied.
    """
    if name is None:
        raise AlignmentError(
            f"adapter {adapter.ref} changes {quoted(said)}, which the base {base.ref} does not have: it was trained on "
            "another model, or on another layout of this one (name the layout that it was trained on)"
        )
    if name in base.tied:
        raise AlignmentError(
            f"adapter {adapter.ref} changes {name}, which is tied to {base.tied[name]} in the base {base.ref}: both "
            "would change; save the base with the two apart"
        )
    tied = next((other for other, kept in base.tied.items() if kept == name), None)
    if tied is not None:
        raise AlignmentError(
            f"adapter {adapter.ref} changes {name}, to which {tied} is tied in the base {base.ref}: PEFT changes one "
            "of them alone, so save the base with the two apart"
        )
    return base.tensors[name]


def _product(adapter: Checkpoint, pair: LoraPair, base: Checkpoint, info: TensorInfo) -> Product:
    if not info.dtype.is_combinable or not info.shape:
        raise AlignmentError(f"adapter {adapter.ref} changes {info} of {base.ref}, to which nothing can be added")
    down, up = Stored(adapter, pair.down), Stored(adapter, pair.up)
    plain = Product(Factor(up), Factor(down), pair.scale)
    transposed = Product(Factor(down, is_transposed=True), Factor(up, is_transposed=True), pair.scale)
    expected = (info.shape[0], math.prod(info.shape[1:]))
    product = transposed if pair.is_embedding or adapter_of(adapter).fan_in_fan_out else plain
    if product.shape != expected and not pair.is_embedding:
        product = plain  # PEFT's fan_in_fan_out speaks of Conv1D layers; a Linear layer beside them is as ever
    if product.shape != expected:
        raise AlignmentError(
            f"tensor {info.name}: adapter {adapter.ref} changes a matrix {list(product.shape)} and the base {base.ref} "
            f"has {list(expected)}: it was trained on another model"
        )
    return product


def _check_replacement(adapter: Checkpoint, own: str, base: Checkpoint, info: TensorInfo) -> None:
    """Refuse a tensor that cannot take the base's place.

    Raises:
        AlignmentError: If shape or dtype do not allow it.
    """
    given = adapter.tensors[own]
    if given.shape != info.shape:
        raise AlignmentError(
            f"tensor {info.name}: shape {list(given.shape)} in adapter {adapter.ref} does not match {list(info.shape)} "
            f"in the base {base.ref}: it was trained on another model or vocabulary"
        )
    if not (given.dtype.is_combinable and info.dtype.is_combinable):
        raise AlignmentError(
            f"tensor {info.name}: {given.dtype} of adapter {adapter.ref} cannot be combined with {info.dtype}"
        )
