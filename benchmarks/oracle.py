"""What a sum of task vectors should be: computed in float64, rounded to bfloat16 once, to nearest, ties to even.

Reads safetensors by itself, so that it shares no code with what it judges.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError

PIECE = 1 << 20  # elements judged at once
NEARLY = 1e-4  # two bfloat16 are as near as each other when their distances differ by no more than this fraction
_DROPPED = np.uint64(45)  # bits of a float64's fraction beyond the 7 of a bfloat16
_HALF = np.uint64((1 << 44) - 1)
_KEPT = np.uint64(0xFFFF_FFFF_FFFF_FFFF ^ ((1 << 45) - 1))
_LEAST_NORMAL = 2.0**-126

Bits = NDArray[np.uint16]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often an output is not the nearest bfloat16.

    Attributes:
        misrounded: The fraction of elements that are not.
        beyond_ties: The fraction that are not, although the exact value was not (nearly) halfway between two: a λ such
            as 0.3 puts many values halfway, and which of the two is nearer then hangs on the last bit of λ.
    """

    misrounded: float
    beyond_ties: float


def judge(output: Path, base: Path, finetuned: Sequence[Path], scaling: float) -> Verdict:
    """Compare ``base + scaling · Σ (finetuned − base)`` with what was written.

    Args:
        output: The folder that is judged.
        base: The base model.
        finetuned: Its fine-tunes.
        scaling: λ.

    Returns:
        How often the output is not the nearest bfloat16.

    Raises:
        BenchmarkError: If the output does not have the base's tensors.
    """
    written, origin, tuned = tensors(output), tensors(base), [tensors(folder) for folder in finetuned]
    if written.keys() != origin.keys():
        odd = min(written.keys() ^ origin.keys())
        raise BenchmarkError(f"{output}: expected the tensors of {base}, but {odd} is in only one of them")
    misrounded = beyond_ties = total = 0
    for name, bits in origin.items():
        for piece in _pieces(bits.size):
            start = widen(bits[piece])
            change = sum((widen(one[name][piece]) - start for one in tuned), np.zeros_like(start))
            exact = start + scaling * change
            found, right = widen(written[name][piece]), round_to_bfloat16(exact)
            misrounded += int(np.count_nonzero(found != right))
            beyond_ties += int(np.count_nonzero(np.abs(found - exact) > (1 + NEARLY) * np.abs(right - exact)))
        total += bits.size
    return Verdict(misrounded / total, beyond_ties / total)


def widen(bits: Bits) -> Doubles:
    """The values of bfloat16 bits."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)


def round_to_bfloat16(values: Doubles) -> Doubles:
    """The nearest bfloat16, ties to even, in one rounding (a cast by way of float32 rounds twice).

    Raises:
        BenchmarkError: If a value is too small to have all eight significant bits.
    """
    if np.any((values != 0) & (np.abs(values) < _LEAST_NORMAL)):
        raise BenchmarkError("the oracle does not round subnormal numbers: choose larger weights")
    bits = values.view(np.uint64)
    odd = (bits >> _DROPPED) & np.uint64(1)
    return ((bits + _HALF + odd) & _KEPT).view(np.float64)


def tensors(folder: Path) -> dict[str, Bits]:
    """The raw bits of every tensor of a folder, mapped from its files."""
    return {name: bits for file in sorted(folder.glob("*.safetensors")) for name, bits in _tensors_of(file)}


def _tensors_of(file: Path) -> Iterator[tuple[str, Bits]]:
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "BF16":
            raise BenchmarkError(f"{file}: {name} is {entry['dtype']}, and the oracle reads BF16 only")
        start = 8 + length + entry["data_offsets"][0]
        yield name, np.memmap(file, np.uint16, "r", start, (math.prod(entry["shape"]),))


def _pieces(size: int) -> Iterator[slice]:
    return (slice(start, start + PIECE) for start in range(0, size, PIECE))
