"""The zip around a torch file: where its storages lie, and whether their bytes are what they seem."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from taskvec.checkpoints.quoting import quoted
from taskvec.errors import CheckpointError

_ALIGNMENT = 64
_LOCAL_HEADER_BYTES = 30
_MAX_PICKLE_BYTES = 100_000_000


def storage_sizes(path: Path) -> Mapping[int, int]:
    """Find the storages in a torch zip.

    Args:
        path: The file.

    Returns:
        The position in the file of every storage's first byte → its size in bytes; nothing if another program wrote
        the zip anew, which shows in storages that are not aligned: torch then mistakes their positions.

    Raises:
        CheckpointError: If the zip is damaged, compressed, of the other byte order, or no state dict.
    """
    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            entries = archive.infolist()
            _check_entries(entries, path)
            _check_byte_order(archive, entries, path)
            storages = {_data_start(file, entry): entry.file_size for entry in entries if _is_storage(entry)}
    except (BadZipFile, NotImplementedError, ValueError, OSError, EOFError, RuntimeError) as error:
        raise CheckpointError(f"{path}: is a damaged zip ({quoted(str(error))}); fetch or save it again") from None
    is_aligned = all(start % _ALIGNMENT == 0 for start, size in storages.items() if size)
    return storages if is_aligned else {}


def _check_entries(entries: list[ZipInfo], path: Path) -> None:
    names = [PurePosixPath(entry.filename).name for entry in entries]
    if names.count("data.pkl") != 1 or "constants.pkl" in names:
        raise CheckpointError(f"{path}: is a zip but no state dict saved by torch; save the model's state_dict()")
    for entry, name in zip(entries, names, strict=True):
        if entry.compress_type != ZIP_STORED or entry.compress_size != entry.file_size:
            raise CheckpointError(
                f"{path}: record {quoted(entry.filename)} is compressed, which torch.save never does; save it again"
            )
        if name == "data.pkl" and entry.file_size > _MAX_PICKLE_BYTES:
            raise CheckpointError(f"{path}: a description of {entry.file_size} bytes is not believable; fetch it again")


def _check_byte_order(archive: ZipFile, entries: list[ZipInfo], path: Path) -> None:
    for entry in entries:
        if PurePosixPath(entry.filename).name == "byteorder" and entry.file_size < 16:
            order = archive.read(entry)
            if order != b"little":
                raise CheckpointError(
                    f"{path}: has byte order {quoted(order)}, expected little; save it on a little-endian machine"
                )


def _is_storage(entry: ZipInfo) -> bool:
    return PurePosixPath(entry.filename).parent.name == "data"


def _data_start(file: IO[bytes], entry: ZipInfo) -> int:
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES:
        raise BadZipFile(f"record {entry.filename!r} lies beyond the end")
    name_bytes = int.from_bytes(header[26:28], "little")
    extra_bytes = int.from_bytes(header[28:30], "little")
    return entry.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
