"""One safetensors file as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskvec.checkpoints.local_files import files_in_use
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
    file = files_in_use().pin(path)
    try:
        length = header_length(file.read(0, LENGTH_BYTES), file.size)
        data_start = LENGTH_BYTES + length
        header = parse_header(file.read(LENGTH_BYTES, length), file.size - data_start)
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
