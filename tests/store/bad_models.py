"""Fine-tunes that must not enter a store, one fault each, and what must be said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from taskvec.errors import AlignmentError, NonFiniteError, TaskvecError
from taskvec.testing.checkpoints import Array
from taskvec.vectors.alignment import Rule

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class BadModel:
    """A fault.

    Attributes:
        spoil: Makes the faulty model of a good one.
        error: What must be raised.
        says: What the message must hold, a pattern.
        rule: The rule that allows it, if there is one.
        in_headers: Whether headers alone show it, before any weight is read.
    """

    spoil: Callable[[Arrays], Arrays]
    error: type[TaskvecError]
    says: str
    rule: Rule | None = None
    in_headers: bool = True


def _with(name: str, change: Callable[[Array], Array]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {**arrays, name: change(arrays[name].copy())}


def _first_is(value: float) -> Callable[[Array], Array]:
    def change(array: Array) -> Array:
        array.reshape(-1)[0] = value
        return array

    return change


BAD_MODELS: Mapping[str, BadModel] = {
    "a missing tensor": BadModel(
        lambda arrays: {name: array for name, array in arrays.items() if name != "layer.bias"},
        AlignmentError,
        r"tensor layer.bias is in the base .*base and missing from .*bad: fix the checkpoint, or pass --allow missing",
        Rule.MISSING,
    ),
    "two missing tensors": BadModel(
        lambda arrays: {name: array for name, array in arrays.items() if not name.startswith("layer.")},
        AlignmentError,
        r"tensor layer\.\w+ is in the base .* \(and 1 more\): fix the checkpoint",
        Rule.MISSING,
    ),
    "an extra tensor": BadModel(
        lambda arrays: {**arrays, "head": np.ones(3, np.float32)},
        AlignmentError,
        r"tensor head is in .*bad and not in the base .*base: fix the checkpoint, or pass --allow extra",
        Rule.EXTRA,
    ),
    "an extra tensor that is empty": BadModel(
        lambda arrays: {**arrays, "nothing": np.ones(0, np.int64)}, AlignmentError, "tensor nothing is in", Rule.EXTRA
    ),
    "another name": BadModel(
        lambda arrays: {name.replace("layer.", "model.layer."): array for name, array in arrays.items()},
        AlignmentError,
        r"tensor layer\.\w+ is in the base",
    ),
    "a larger vocabulary": BadModel(
        _with("embed.weight", lambda array: np.concatenate([array, array])),
        AlignmentError,
        r"tensor embed.weight: shape \[14, 5\] in .*bad does not match \[7, 5\] in the base .*base: .*vocabulary",
    ),
    "equal elements in another shape": BadModel(
        _with("layer.weight", lambda array: array.reshape(4, 6)),
        AlignmentError,
        r"tensor layer.weight: shape \[4, 6\] in .*bad does not match \[6, 4\]",
    ),
    "a scalar that became a vector": BadModel(
        _with("scale", lambda array: array.reshape(1)), AlignmentError, r"tensor scale: shape \[1\] in .* match \[\]"
    ),
    "a quantised tensor": BadModel(
        _with("layer.weight", lambda array: array.astype(np.int8)),
        AlignmentError,
        r"tensor layer.weight: dtype I8 in .*bad cannot be combined with BF16 in the base .*base: convert one",
    ),
    "a double tensor": BadModel(
        _with("embed.weight", lambda array: array.astype(np.float64)), AlignmentError, "dtype F64 in .* with F32"
    ),
    "integers of another width": BadModel(
        _with("position_ids", lambda array: array.astype(np.int32)),
        AlignmentError,
        r"tensor position_ids: dtype I32 in .*bad cannot be combined with I64",
    ),
    "other integers": BadModel(
        _with("position_ids", lambda array: array + 1),
        AlignmentError,
        r"tensor position_ids: its I64 values in .*bad differ from the base's, and I64 is copied, never combined: "
        r"make them equal, or pass --allow integers",
        Rule.INTEGERS,
        in_headers=False,
    ),
    "not a number": BadModel(
        _with("layer.bias", _first_is(np.nan)),
        NonFiniteError,
        r"tensor layer.bias of .*bad \(or of its base\) holds NaN or infinity: the checkpoint is broken",
        in_headers=False,
    ),
    "minus infinity": BadModel(
        _with("scale", _first_is(-np.inf)), NonFiniteError, "tensor scale of .*bad", in_headers=False
    ),
}
