"""``blocks(ink, weights=GRAD_V)`` in expressions: a vector scaled by weights that differ from block to block."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from taskvec.editing.scope.block_presets import BlockWeights, block_weights
from taskvec.editing.scope.blocks import ModelBlocks
from taskvec.errors import CompositionError, ExpressionError
from taskvec.expressions import THE_BASE, OptionValue, Weights
from taskvec.expressions.leaves import terms_of, text_of
from taskvec.merging.calls import named_merge
from taskvec.methods import METHODS


@dataclass(frozen=True)
class _ByBlock:
    """The coefficient of every tensor of one model; equal weights are equal, for an expression has one base."""

    weights: BlockWeights
    blocks: ModelBlocks = field(compare=False)

    def __call__(self, tensor: str) -> float:
        return self.weights.at(tensor, self.blocks)


def by_block(vectors: Sequence[Weights], given: Mapping[str, OptionValue], tensors: Collection[str]) -> Weights:
    """Scale a vector by block of a diffusion model.

    Args:
        vectors: The vector.
        given: ``weights``, a preset or a list; and ``others``.
        tensors: The base's.

    Returns:
        The coefficients: 1 of the scaled vector.

    Raises:
        ExpressionError: If it is not one vector, or the weights mean nothing for this base.
    """
    weights, others = given.get("weights"), given.get("others")
    is_one = len(vectors) == 1 and THE_BASE not in vectors[0]
    if not is_one or not isinstance(weights, str | tuple) or not set(given) <= {"weights", "others"}:
        raise ExpressionError("blocks takes one task vector, weights and others, as in blocks(ink, weights=GRAD_V)")
    if others is not None and not isinstance(others, float):
        raise ExpressionError(f"blocks: others is {others!r}, expected a number")
    try:
        weight = _ByBlock(block_weights(weights, others), ModelBlocks.of(tensors))
    except CompositionError as error:
        raise ExpressionError(str(error)) from error
    said = ", ".join(f"{name}={value}" for name, value in given.items())
    name = f"blocks({text_of(terms_of(vectors[0]))}, {said})"
    return {named_merge(name, METHODS["task_arithmetic"], vectors, {"weight": weight}): 1.0}
