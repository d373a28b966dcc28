"""Writes a diffusers pipeline: a writer a component, each in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.huggingface_folder import weights_filename
from taskvec.checkpoints.pipeline_folder import Component, Pipeline
from taskvec.checkpoints.table import RawArray
from taskvec.checkpoints.writer import CheckpointWriter
from taskvec.types import TensorInfo


class PipelineWriter:
    """Several checkpoints written as one; names begin with the component, which is left out in its own files.

    Attributes:
        files: The names of all files, relative to the folder written to.
    """

    def __init__(
        self,
        directory: Path,
        tensors: Sequence[TensorInfo],
        components: Sequence[Component],
        *,
        shard_size: int | None = None,
        metadata: Mapping[str, str] | None = None,
        resume: bool = False,
    ) -> None:
        self._writers: dict[str, CheckpointWriter] = {}
        for component, infos in _by_component(tensors, components):
            folder = directory / component.name
            folder.mkdir(exist_ok=True)
            self._writers[component.name] = CheckpointWriter(
                folder,
                infos,
                shard_size=shard_size,
                metadata=_own_metadata(metadata or {}, component),
                filename=component.filename,
                resume=resume,
            )
        self.files = tuple(f"{name}/{file}" for name, writer in self._writers.items() for file in writer.files)

    def write(self, name: str, start: int, data: RawArray) -> None:
        """Write raw elements of a tensor; safe to call from many threads."""
        component, _, inner = name.partition(".")
        self._writers[component].write(inner, start, data)

    def skip(self, name: str, count: int) -> None:
        """Know that elements were written by an earlier run, whose files were kept."""
        component, _, inner = name.partition(".")
        self._writers[component].skip(inner, count)

    def sync(self) -> None:
        """Bring what was written so far to the disk."""
        for writer in self._writers.values():
            writer.sync()

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files, "_writers": self._writers}

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        for writer in self._writers.values():
            self._stack.enter_context(writer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def writer_like(
    model: Checkpoint | None,
    directory: Path,
    tensors: Sequence[TensorInfo],
    *,
    shard_size: int | None,
    metadata: Mapping[str, str],
    resume: bool,
) -> CheckpointWriter | PipelineWriter:
    """Return a writer for an output that is laid out as a model is: a pipeline, or a folder of one model.

    Args:
        model: The model; None for a task vector, which is one checkpoint.
        directory: The folder to write to.
        tensors: What to write.
        shard_size: Bytes of data in a file at most.
        metadata: Free text for every header.
        resume: Keep what an earlier writer left.

    Returns:
        The writer.
    """
    if model and isinstance(model.kind, Pipeline):
        return PipelineWriter(
            directory, tensors, model.kind.components, shard_size=shard_size, metadata=metadata, resume=resume
        )
    filename = weights_filename(model.files if model else ())
    return CheckpointWriter(
        directory, tensors, shard_size=shard_size, metadata=metadata, filename=filename, resume=resume
    )


def _by_component(
    tensors: Sequence[TensorInfo], components: Sequence[Component]
) -> list[tuple[Component, list[TensorInfo]]]:
    prefixes = [(component, f"{component.name}.") for component in components]
    return [
        (c, [TensorInfo(i.name.removeprefix(p), i.dtype, i.shape) for i in tensors if i.name.startswith(p)])
        for c, p in prefixes
    ]


def _own_metadata(metadata: Mapping[str, str], component: Component) -> dict[str, str]:
    """Take the notes about a component's own tied names, without its name in them, and what is about no tensor."""
    own: dict[str, str] = {}
    for key, text in metadata.items():
        owner, dot, inner = key.partition(".")
        if not dot:
            own[key] = text
        elif owner == component.name:
            own[inner] = text.removeprefix(f"{component.name}.")
    return own
