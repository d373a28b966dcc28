"""Parts of a tensor as a merge method sees them, read in pieces that stay small."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import NonFiniteError
from taskvec.merging.inputs import MergeInputs
from taskvec.methods.part import Array, Grain, Part, Stored, row_length
from taskvec.numerics.codes import NONE
from taskvec.numerics.consensus import mixed_deltas
from taskvec.numerics.kernels import TILE
from taskvec.numerics.rounding import widen
from taskvec.streaming import AlignedTensor, Chunk
from taskvec.streaming.plan import MAX_CHUNK

PART_NUMBERS = 1 << 18
"""Numbers of all T rows of a part together, where a method's grain lets one choose."""

_PARTS_READ = {Grain.ELEMENTS: 4, Grain.ROWS: 1, Grain.TENSOR: 1}  # at once: a read costs more than a small copy
_WIDENED_BYTES = 4  # of a number
_ELEMENT_BYTES = 40  # of an element, whatever the number of vectors: the base, sums, the result
_STORED_PARTS = 8  # at once where nothing is made of a number but what is merged

Raw = NDArray[np.uint8]


CALLS = ("consensus", "widen")
"""The compiled kernels that reading and merging parts call."""


def part_bytes(inputs: MergeInputs, grain: Grain, number_bytes: int) -> int:
    """Return the most that reading parts and computing one of them takes.

    Args:
        inputs: The task vectors.
        grain: How much a part must hold.
        number_bytes: What is made of each number of a part.

    Returns:
        Bytes.
    """
    kinds = {(tensor.shape, tensor.max_itemsize) for tensor in inputs.alignment.combinable}
    vectors = len(inputs.vectors)
    return max(
        (
            _raw_bytes(inputs, shape, itemsize, grain)
            + merging_bytes(vectors, min(_step(shape, vectors, grain), math.prod(shape)), number_bytes)
            for shape, itemsize in kinds
        ),
        default=0,
    )


def _raw_bytes(inputs: MergeInputs, shape: tuple[int, ...], itemsize: int, grain: Grain) -> int:
    """Return what the parts that are read at once take as they are stored."""
    step = _read_at_once(inputs, shape, grain)
    return min(step, math.prod(shape)) * (len(inputs.forms) + 1) * itemsize


def merging_bytes(num_vectors: int, num_elements: int, number_bytes: int) -> int:
    """Return the most that merging so many elements takes, those of the vectors included."""
    return num_elements * (num_vectors * (_WIDENED_BYTES + number_bytes) + _ELEMENT_BYTES)


def input_bytes(inputs: MergeInputs, grain: Grain) -> int:
    """Return what reading the inputs takes beside the rows, as many elements as are read at once."""
    tensors = inputs.alignment.combinable
    return max((one.scratch_bytes(_read_at_once(inputs, one.shape, grain)) for one in tensors), default=0)


def stored_bytes(inputs: MergeInputs) -> int:
    """Return the most that elements take which are read at once to be merged as they are stored."""
    itemsize = max((tensor.max_itemsize for tensor in inputs.alignment.combinable), default=0)
    return (len(inputs.forms) + 1) * _stored_step(inputs) * itemsize


def parts(inputs: MergeInputs, tensor: AlignedTensor, first: int, stop: int, grain: Grain) -> Iterator[Part]:
    """Yield parts that cover at least the elements ``first … stop``, whole rows or the whole tensor as the grain asks.

    Args:
        inputs: The task vectors.
        tensor: The tensor, aligned over the forms.
        first: The first element.
        stop: One past the last.
        grain: How much a part must hold.

    Yields:
        The parts, in order.
    """
    unit = {Grain.ELEMENTS: 1, Grain.ROWS: row_length(tensor.shape), Grain.TENSOR: max(tensor.num_params, 1)}[grain]
    step = _read_at_once(inputs, tensor.shape, grain)
    last = -(-stop // unit) * unit
    for start in range(first // unit * unit, last, step):
        yield from chunk_parts(inputs, Chunk.read(tensor, start, min(start + step, last)), grain)


def read_stored(inputs: MergeInputs, tensor: AlignedTensor, first: int, stop: int, space: Raw) -> Iterator[Chunk]:
    """Yield the elements ``first … stop`` as they are, as many at once as :func:`stored_bytes` lets one hold.

    Args:
        inputs: The task vectors.
        tensor: The tensor, aligned over the forms.
        first: The first element.
        stop: One past the last.
        space: Where to read them to, of as many bytes; each chunk takes the place of the one before it.

    Yields:
        The elements, in order.
    """
    step = _stored_step(inputs)
    for start in range(first, stop, step):
        yield Chunk.read(tensor, start, min(start + step, stop), space)


def read_part(inputs: MergeInputs, tensor: AlignedTensor, first: int, stop: int) -> Part:
    """Read the elements ``first … stop`` of all vectors and of the base."""
    return chunk_part(inputs, Chunk.read(tensor, first, stop), first, stop)


def chunk_parts(inputs: MergeInputs, chunk: Chunk, grain: Grain = Grain.ELEMENTS) -> Iterator[Part]:
    """Yield parts of what was read."""
    step = _step(chunk.tensor.shape, len(inputs.vectors), grain)
    for start in range(chunk.start, chunk.stop, step):
        yield chunk_part(inputs, chunk, start, min(start + step, chunk.stop))


def chunk_part(inputs: MergeInputs, chunk: Chunk, first: int, stop: int) -> Part:
    """Return the elements ``first … stop`` of a chunk as a part.

    Args:
        inputs: The task vectors.
        chunk: What was read.
        first: The first element, counted in the tensor.
        stop: One past the last.

    Returns:
        The part.

    Raises:
        NonFiniteError: If a vector is not finite.
    """
    tensor, begin, count = chunk.tensor, first - chunk.start, stop - first
    rows = np.empty((len(inputs.vectors), count), np.float32)
    base = np.zeros(count, np.float32)
    meant = chunk.rows(inputs.centered)._replace(first=begin, size=count)
    if not mixed_deltas(meant, inputs.mixing(tensor), rows):
        raise NonFiniteError(_describe_non_finite(inputs, tensor, rows))
    if tensor.base_code != NONE:
        widen(chunk.base, tensor.base_code, begin, begin + count, base)
    return Part(rows, base, tensor.shape, first, tensor.name, inputs.names)


def stored_elements(inputs: MergeInputs, chunk: Chunk, found: tuple[Any, ...], carried: Any) -> Stored:
    """Return a chunk as it is, for what widens and mixes it itself."""
    return Stored(chunk.rows(inputs.centered), inputs.mixing(chunk.tensor), found, carried)


def _describe_non_finite(inputs: MergeInputs, tensor: AlignedTensor, rows: Array) -> str:
    name = inputs.names[int(np.argmin(np.isfinite(rows).all(axis=1)))]
    return (
        f"tensor {tensor.name} of {name} (or of its base) holds NaN or infinity, and a merge takes finite numbers "
        "alone: fetch or save the checkpoint again"
    )


def _read_at_once(inputs: MergeInputs, shape: tuple[int, ...], grain: Grain) -> int:
    """Return how many elements are read at once: those of several parts."""
    return _step(shape, len(inputs.vectors), grain) * _PARTS_READ[grain]


def _stored_step(inputs: MergeInputs) -> int:
    """Return how many elements are read where they are merged as they are stored; a pass asks for no more at once."""
    return min(_step((), len(inputs.vectors), Grain.ELEMENTS) * _STORED_PARTS, MAX_CHUNK)


def _step(shape: tuple[int, ...], num_vectors: int, grain: Grain) -> int:
    """Return the elements of a part: a whole number of tiles, or of rows."""
    if grain is Grain.TENSOR:
        return max(int(np.prod(shape)), 1)
    wanted = max(PART_NUMBERS // max(num_vectors, 1), 1)
    unit = TILE if grain is Grain.ELEMENTS else row_length(shape)
    return max(wanted // unit, 1) * unit
