"""The safetensors header, believed only after every claim in it has been checked.

A file is 8 bytes of little-endian length, a JSON object of that length, and the tensors' bytes without gaps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.strict_json import parse_object
from taskvec.errors import CheckpointError
from taskvec.types import DType, Shape, TensorInfo

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
METADATA_NAME = "__metadata__"
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


def header_length(prefix: bytes, file_bytes: int, file: Path) -> int:
    """Decode and check the first 8 bytes of a file.

    Raises:
        CheckpointError: If the length cannot be right.
    """
    if len(prefix) < LENGTH_BYTES:
        raise _damaged(file, f"it holds {len(prefix)} bytes, fewer than the {LENGTH_BYTES} of a header's length")
    length = int.from_bytes(prefix, "little")
    if length > MAX_HEADER_BYTES:
        raise _damaged(file, f"its header claims {length} bytes, more than the {MAX_HEADER_BYTES} allowed")
    if LENGTH_BYTES + length > file_bytes:
        raise _damaged(file, f"its header claims {length} bytes in a file of {file_bytes}")
    return length


def parse_header(raw: bytes, data_bytes: int, file: Path) -> Header:
    """Parse a header and check it against the size of the data that follows.

    Args:
        raw: The JSON text.
        data_bytes: Bytes in the file after the header.
        file: The file, for messages.

    Returns:
        The tensors in the order of their bytes, which fill the file exactly.

    Raises:
        CheckpointError: If any claim of the header is malformed or contradicts another or the file.
    """
    if not raw.startswith(b"{"):
        raise _damaged(file, "its header does not start with '{'")
    try:
        members = parse_object(raw)
    except ValueError as error:
        raise _damaged(file, f"its header is not JSON as required: {error}") from None
    metadata = _checked_metadata(members.pop(METADATA_NAME, {}), file)
    placed = sorted((_placed(name, entry, file) for name, entry in members.items()), key=lambda p: (p.begin, p.end))
    _check_contiguous(placed, data_bytes, file)
    return Header(tuple(placed), metadata)


def _checked_metadata(value: object, file: Path) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _damaged(file, f"{METADATA_NAME} is not an object but {quoted(value)}")
    for key, text in value.items():
        if not isinstance(text, str):
            raise _damaged(file, f"{METADATA_NAME} entry {quoted(key)} is not text but {quoted(text)}")
    return value


def _placed(name: str, entry: object, file: Path) -> Placed:
    if not isinstance(entry, dict):
        raise _damaged(file, f"tensor {quoted(name)} is described by {quoted(entry)}, expected an object")
    dtype = _dtype(name, entry.get("dtype"), file)
    shape = _shape(name, entry.get("shape"), file)
    begin, end = _offsets(name, entry.get("data_offsets"), file)
    info = TensorInfo(name, dtype, shape)
    if math.prod(size for size in shape if size) * dtype.itemsize > _MAX_BYTES:
        raise _damaged(file, f"tensor {quoted(name)} has the impossible shape {quoted(list(shape))}")
    if end - begin != info.nbytes:
        raise _damaged(
            file,
            f"tensor {quoted(name)} of {dtype}{quoted(list(shape))} needs {info.nbytes} bytes, its offsets {begin}, {end} hold {end - begin}",
        )
    return Placed(info, begin, end)


def _dtype(name: str, value: object, file: Path) -> DType:
    try:
        return DType(value)  # type: ignore[arg-type]  # the call is the check
    except ValueError:
        known = ", ".join(DType)
        raise CheckpointError(
            f"{file}: tensor {quoted(name)} has dtype {quoted(value)}, which is not supported; convert it to one of {known}"
        ) from None


def _shape(name: str, value: object, file: Path) -> Shape:
    sizes = _naturals(value)
    if sizes is None or len(sizes) > _MAX_DIMENSIONS:
        raise _damaged(file, f"tensor {quoted(name)} has the impossible shape {quoted(value)}")
    return sizes


def _offsets(name: str, value: object, file: Path) -> tuple[int, int]:
    ends = _naturals(value)
    if ends is None or len(ends) != 2:
        raise _damaged(file, f"tensor {quoted(name)} has data_offsets {quoted(value)}, expected [begin, end]")
    begin, end = ends
    if begin > end:
        raise _damaged(file, f"tensor {quoted(name)} has reversed data_offsets {quoted(value)}")
    return begin, end


def _naturals(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item <= _MAX_BYTES for item in value):
        return None
    return tuple(value)


def _check_contiguous(placed: Sequence[Placed], data_bytes: int, file: Path) -> None:
    cursor, previous = 0, "the header"
    for place in placed:
        name = quoted(place.info.name)
        if place.begin < cursor:
            raise _damaged(
                file, f"tensor {name} starts at byte {place.begin} and overlaps {previous}, which ends at {cursor}"
            )
        if place.begin > cursor:
            raise _damaged(
                file, f"{place.begin - cursor} bytes between {previous} and tensor {name} belong to no tensor"
            )
        cursor, previous = place.end, f"tensor {name}"
    if cursor > data_bytes:
        raise _damaged(file, f"{previous} ends at byte {cursor} of the data, but the file holds only {data_bytes}")
    if cursor < data_bytes:
        raise _damaged(file, f"{data_bytes - cursor} bytes after {previous} belong to no tensor")


def _damaged(file: Path, problem: str) -> CheckpointError:
    return CheckpointError(f"{file}: {problem}; the file is damaged or no safetensors file, fetch or save it again")
