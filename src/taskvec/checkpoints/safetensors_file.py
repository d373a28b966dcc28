"""One safetensors file as a table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from taskvec.checkpoints.descriptors import READ_POOL, PinnedFile
from taskvec.checkpoints.safetensors_header import LENGTH_BYTES, header_length, parse_header
from taskvec.checkpoints.table import FileSpan, TensorTable
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo


def safetensors_table(path: Path) -> TensorTable:
    """Read the header of a safetensors file, and nothing else.

    Args:
        path: The absolute path.

    Returns:
        The tensors in the order of their bytes.

    Raises:
        CheckpointError: If the file cannot be read, or its header cannot be believed.
    """
    file = PinnedFile.of(path)
    try:
        with READ_POOL.borrow(file) as descriptor:
            length = header_length(os.pread(descriptor, LENGTH_BYTES, 0), file.size)
            raw = os.pread(descriptor, length, LENGTH_BYTES)
        data_start = LENGTH_BYTES + length
        header = parse_header(raw, file.size - data_start)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(
            f"{path}: {error}; the file is damaged or of another kind, fetch or save it again"
        ) from None
    tensors = {placed.info.name: placed.info for placed in header.tensors}
    return TensorTable(
        tensors=tensors,
        sources={placed.info.name: FileSpan(file, data_start + placed.begin) for placed in header.tensors},
        files=(file,),
        tied=_tied(header.metadata, tensors),
        metadata=header.metadata,
    )


def _tied(metadata: Mapping[str, str], tensors: Mapping[str, TensorInfo]) -> dict[str, str]:
    """Find the names that ``safetensors.torch.save_model`` removed: it notes ``{removed: kept}`` in the metadata."""
    return {removed: kept for removed, kept in metadata.items() if removed not in tensors and kept in tensors}
