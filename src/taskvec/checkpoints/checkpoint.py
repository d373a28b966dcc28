"""An open checkpoint: names, shapes and dtypes at once, raw elements on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self, final

import numpy as np

from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.table import RawArray, TensorSource, TensorTable
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo


class Kind:
    """What a checkpoint is beside its tensors, such as an adapter, or a pipeline of several models."""

    __slots__ = ()


@dataclass(slots=True)
class _Lease:
    """Whether a checkpoint was closed: the one thing about it that changes."""

    is_over: bool = False


@final
@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint:
    """Named tensors in files, read in pieces by any number of threads.

    A value: it travels to another process as names, places and states of files, and is read there through that
    process's own handles. Whatever the format, what opens one is a function that returns this.

    Attributes:
        ref: The reference as the user typed it.
        path: The absolute path of the folder or file.
        table: The tensors, and where their bytes come from.
        sidecars: Non-weight files to carry over, relative to ``root``.
        settings: What beside the tensors decides what they mean, such as the scales of an adapter; part of the content.
        overlays: Sidecars of other contents than the file of that name, or beside them.
        home: The folder that sidecars are relative to, where it is another than ``path``.
        kind: What it is beside its tensors; None for most.
        parts: Other checkpoints that are closed with it.
    """

    ref: str
    path: Path
    table: TensorTable
    sidecars: tuple[Path, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    overlays: Mapping[Path, bytes] = field(default_factory=dict)
    home: Path | None = None
    kind: Kind | None = None
    parts: tuple[Checkpoint, ...] = ()
    _lease: _Lease = field(default_factory=_Lease, init=False)

    def __repr__(self) -> str:
        also = f", {self.kind}" if self.kind else ""
        return f"<Checkpoint {self.ref}: {len(self.tensors)} tensors, {self.nbytes} bytes{also}>"

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every name that holds data, in file order."""
        return self.table.tensors

    @property
    def tied(self) -> Mapping[str, str]:
        """Other names of the same data → the name in ``tensors`` that holds it."""
        return self.table.tied

    @property
    def metadata(self) -> Mapping[str, str]:
        """The free text of the (first) safetensors header."""
        return self.table.metadata

    @property
    def root(self) -> Path:
        """The folder that sidecars are relative to."""
        return self.home or self.path

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Every file whose content matters: weight files and their index, also those that it is computed from."""
        return tuple(dict.fromkeys(file.path for file in self.table.files))

    @property
    def num_params(self) -> int:
        """Elements of all tensors; tied names count once."""
        return sum(info.num_params for info in self.tensors.values())

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors' raw data; tied names count once."""
        return sum(info.nbytes for info in self.tensors.values())

    def read_into(self, name: str, start: int, out: RawArray) -> None:
        """Read the raw elements ``start … start + out.size`` of the flattened tensor; safe to call from many threads.

        A name that is not there, a closed checkpoint and a file that changed or fails are a `CheckpointError`.

        Args:
            name: A name in ``tensors`` or ``tied``.
            start: The first element.
            out: A contiguous 1-D array of the dtype's ``storage``; all of it is filled.

        Raises:
            ValueError: If ``out`` has another dtype or layout, or reaches beyond the tensor.
        """
        info = self._info(name)
        storage = info.dtype.storage
        if out.dtype != storage or out.ndim != 1 or not out.flags.c_contiguous:
            raise ValueError(
                f"reading {info} needs a contiguous 1-D array of {storage}, not {out.dtype}{list(out.shape)}"
            )
        if start < 0 or start + out.size > info.num_params:
            raise ValueError(f"elements {start} … {start + out.size} are not within {info}")
        if out.size:
            self.table.sources[info.name].read_into(start * storage.itemsize, out.view(np.uint8).data)

    def read(self, name: str) -> RawArray:
        """Read a whole tensor as raw bits, shaped.

        Args:
            name: A name in ``tensors`` or ``tied``.

        Returns:
            A new array of the dtype's ``storage``.
        """
        info = self._info(name)
        flat = np.empty(info.num_params, info.dtype.storage)
        self.read_into(name, 0, flat)
        return flat.reshape(info.shape)

    def source(self, name: str) -> TensorSource:
        """Return where the bytes of a tensor come from; reading it must not outlive the checkpoint."""
        return self.table.sources[name]

    def forget(self, name: str, start: int, count: int) -> None:
        """Tell the system that the elements ``start … start + count`` will not be read again soon."""
        info = self._info(name)
        itemsize = info.dtype.itemsize
        self.table.sources[info.name].forget(start * itemsize, count * itemsize)

    def close(self) -> None:
        """Give the open files back; the header's contents stay."""
        self._lease.is_over = True
        for file in self.table.files:
            file.files.close(file)
        for part in self.parts:
            part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _info(self, name: str) -> TensorInfo:
        if self._lease.is_over:
            raise CheckpointError(f"{self.ref}: is closed; open it again to read {quoted(name)}")
        info = self.tensors.get(self.tied.get(name, name))
        if info is None:
            raise CheckpointError(f"{self.ref}: holds no tensor {quoted(name)}")
        return info
