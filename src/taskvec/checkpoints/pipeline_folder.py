"""A diffusers pipeline: a folder a component, read as one checkpoint whose names begin with the component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskvec.checkpoints.checkpoint import Checkpoint, Kind
from taskvec.checkpoints.files import PinnedFile
from taskvec.checkpoints.huggingface_folder import folder_table, sidecars_of, weights_filename
from taskvec.checkpoints.quantized import check_not_quantized
from taskvec.checkpoints.strict_json import parse_object
from taskvec.checkpoints.table import TensorSource, TensorTable
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo

_INDEX = "model_index.json"
_WEIGHTS = ("*.safetensors", "*.bin")


@dataclass(frozen=True, slots=True)
class Component:
    """A model within a pipeline.

    Attributes:
        name: The name of its folder, and the first part of its tensors' names.
        filename: How its weights are called there.
    """

    name: str
    filename: str


@dataclass(frozen=True, slots=True)
class Pipeline(Kind):
    """A checkpoint that is all models of a pipeline.

    Attributes:
        components: The models, in the order of the index.
    """

    components: tuple[Component, ...]


def is_pipeline_folder(folder: Path) -> bool:
    """Say whether a folder is a diffusers pipeline."""
    return (folder / _INDEX).is_file()


def open_pipeline(ref: str, folder: Path) -> Checkpoint:
    """Open every component of a pipeline that has weights, by its headers.

    Args:
        ref: The reference as the user typed it.
        folder: The absolute path.

    Returns:
        One checkpoint; tokenizers, schedulers and the index are its sidecars.

    Raises:
        CheckpointError: If a component that the index names is missing, or none has weights.
    """
    found: dict[Component, TensorTable] = {}
    for name in _named(folder / _INDEX):
        if not (folder / name).is_dir():
            raise CheckpointError(f"{folder / name}: is missing, but {_INDEX} names it; fetch the whole pipeline")
        if any(next((folder / name).glob(pattern), None) for pattern in _WEIGHTS):
            table = folder_table(folder / name)
            check_not_quantized(folder / name, table.tensors)
            found[Component(name, weights_filename(file.path for file in table.files))] = table
    if not found:
        raise CheckpointError(f"{folder}: no component of its {_INDEX} has weights; fetch the whole pipeline")
    table = _joined({each.name: table for each, table in found.items()})
    return Checkpoint(ref, folder, table, sidecars=tuple(_sidecars(folder)), kind=Pipeline(tuple(found)))


def _named(index: Path) -> list[str]:
    """Return the components that the index gives a class.

    Raises:
        CheckpointError: If it is no index.
    """
    try:
        members = parse_object(index.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{index}: {error}; fetch it again") from None
    pairs = {name: value for name, value in members.items() if isinstance(value, list) and not name.startswith("_")}
    return [name for name, value in pairs.items() if len(value) == 2 and value[1] is not None]


def _joined(tables: Mapping[str, TensorTable]) -> TensorTable:
    tensors: dict[str, TensorInfo] = {}
    sources: dict[str, TensorSource] = {}
    tied: dict[str, str] = {}
    files: list[PinnedFile] = []
    for component, table in tables.items():
        for name, info in table.tensors.items():
            full = f"{component}.{name}"
            tensors[full] = TensorInfo(full, info.dtype, info.shape)
            sources[full] = table.sources[name]
        tied |= {f"{component}.{name}": f"{component}.{kept}" for name, kept in table.tied.items()}
        files += table.files
    return TensorTable(tensors, sources, tuple(files), tied, next(iter(tables.values())).metadata)


def _sidecars(folder: Path) -> list[Path]:
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    return [*sidecars_of(folder), *(Path(entry.name) / path for entry in inner for path in sidecars_of(entry))]
