"""The safetensors header, believed only after every claim in it has been checked.

A file is 8 bytes of little-endian length, a JSON object of that length, and the tensors' bytes without gaps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap

from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.strict_json import parse_object
from taskvec.types import DType, Shape, TensorInfo

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
METADATA_NAME = "__metadata__"
_DTYPES = frozenset(DType)
_MAX_DIMENSIONS = 64
_MAX_BYTES = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Placed:
    """A tensor and the place of its bytes, counted from the end of the header."""

    info: TensorInfo
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header.

    Attributes:
        tensors: The tensors in the order of their bytes.
        metadata: The free text, ``{}`` if there is none.
    """

    tensors: tuple[Placed, ...]
    metadata: Mapping[str, str]


def header_length(prefix: bytes, file_bytes: int) -> int:
    """Decode and check the first 8 bytes of a file.

    Raises:
        ValueError: If the length cannot be right.
    """
    if len(prefix) < LENGTH_BYTES:
        raise ValueError(f"it holds {len(prefix)} bytes, fewer than the {LENGTH_BYTES} of a header's length")
    length = int.from_bytes(prefix, "little")
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"its header claims {length} bytes, more than the {MAX_HEADER_BYTES} allowed")
    if LENGTH_BYTES + length > file_bytes:
        raise ValueError(f"its header claims {length} bytes in a file of {file_bytes}")
    return length


def parse_header(raw: bytes, data_bytes: int) -> Header:
    """Parse a header and check it against the size of the data that follows.

    Args:
        raw: The JSON text.
        data_bytes: Bytes in the file after the header.

    Returns:
        The tensors in the order of their bytes, which fill the file exactly.

    Raises:
        ValueError: If any claim of the header is malformed or contradicts another or the file.
    """
    if not raw.startswith(b"{"):
        raise ValueError("its header does not start with '{'")
    members = parse_object(raw)
    metadata = _checked_metadata(members.pop(METADATA_NAME, {}))
    placed = sorted(starmap(_placed, members.items()), key=lambda each: (each.begin, each.end))
    _check_contiguous(placed, data_bytes)
    return Header(tuple(placed), metadata)


def _checked_metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"{METADATA_NAME} is {quoted(value)}, expected an object")  # noqa: TRY004
    members: dict[str, object] = value
    texts = {key: text for key, text in members.items() if isinstance(text, str)}
    if len(texts) < len(members):
        wrong = next(key for key in members if key not in texts)
        raise ValueError(f"{METADATA_NAME} entry {quoted(wrong)} is {quoted(members[wrong])}, expected text")
    return texts


def _placed(name: str, entry: object) -> Placed:
    if not isinstance(entry, dict):
        raise ValueError(f"tensor {quoted(name)} is {quoted(entry)}, expected an object")  # noqa: TRY004
    info = TensorInfo(name, _dtype(name, entry.get("dtype")), _shape(name, entry.get("shape")))
    begin, end = _offsets(name, entry.get("data_offsets"))
    if math.prod(size for size in info.shape if size) * info.dtype.itemsize > _MAX_BYTES:
        raise ValueError(f"tensor {quoted(name)} has the impossible shape {quoted(list(info.shape))}")
    if end - begin != info.nbytes:
        raise ValueError(
            f"tensor {quoted(name)} of {info.dtype}{quoted(list(info.shape))} needs {info.nbytes} bytes, "
            f"but its data_offsets [{begin}, {end}] hold {end - begin}"
        )
    return Placed(info, begin, end)


def _dtype(name: str, value: object) -> DType:
    if not isinstance(value, str) or value not in _DTYPES:
        raise ValueError(f"tensor {quoted(name)} has dtype {quoted(value)}, expected one of {', '.join(DType)}")
    return DType(value)


def _shape(name: str, value: object) -> Shape:
    sizes = _naturals(value)
    if sizes is None or len(sizes) > _MAX_DIMENSIONS:
        raise ValueError(f"tensor {quoted(name)} has the impossible shape {quoted(value)}")
    return sizes


def _offsets(name: str, value: object) -> tuple[int, int]:
    ends = _naturals(value)
    if ends is None or len(ends) != 2:
        raise ValueError(f"tensor {quoted(name)} has data_offsets {quoted(value)}, expected [begin, end]")
    begin, end = ends
    if begin > end:
        raise ValueError(f"tensor {quoted(name)} has reversed data_offsets {quoted(value)}")
    return begin, end


def _naturals(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item <= _MAX_BYTES for item in value):
        return None
    return tuple(value)


def _check_contiguous(placed: Sequence[Placed], data_bytes: int) -> None:
    cursor, previous = 0, "the header"
    for place in placed:
        name = f"tensor {quoted(place.info.name)}"
        if place.begin < cursor:
            raise ValueError(f"{name} starts at byte {place.begin} and overlaps {previous}, which ends at {cursor}")
        if place.begin > cursor:
            raise ValueError(f"{place.begin - cursor} bytes between {previous} and {name} belong to no tensor")
        cursor, previous = place.end, name
    if cursor > data_bytes:
        raise ValueError(f"{previous} ends at byte {cursor} of the data, but the file holds only {data_bytes}")
    if cursor < data_bytes:
        raise ValueError(f"{data_bytes - cursor} bytes after {previous} belong to no tensor")
