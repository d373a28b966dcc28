"""An open checkpoint: names, shapes and dtypes at once, raw elements on demand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import numpy as np

from taskvec.checkpoints.descriptors import READ_POOL
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.table import FileSpan, RawArray, TensorSource, TensorTable
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo


class Checkpoint:
    """Named tensors in files, read in pieces by any number of threads.

    Attributes:
        ref: The reference as the user typed it.
        path: The absolute path of the folder or file.
        tensors: Every name that holds data, in file order.
        tied: Other names of the same data → the name in ``tensors`` that holds it.
        files: Every file whose content matters: weight files and their index.
        sidecars: Non-weight files to carry over, relative to ``root``.
        metadata: The free text of the (first) safetensors header.
        root: The folder that sidecars are relative to.
        overlays: Sidecars of other contents than the file of that name, or beside them.
        settings: What beside the tensors decides what they mean, such as the scales of an adapter; part of the content.
    """

    def __init__(
        self,
        ref: str,
        path: Path,
        table: TensorTable,
        *,
        sidecars: tuple[Path, ...] = (),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.ref = ref
        self.path = path
        self.root = path
        self.overlays: Mapping[Path, bytes] = MappingProxyType({})
        self.tensors: Mapping[str, TensorInfo] = MappingProxyType(dict(table.tensors))
        self.tied: Mapping[str, str] = MappingProxyType(dict(table.tied))
        self.files = tuple(file.path for file in table.files)
        self.sidecars = sidecars
        self.metadata: Mapping[str, str] = MappingProxyType(dict(table.metadata))
        self.settings: Mapping[str, str] = MappingProxyType(dict(settings))
        self._table = table
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Checkpoint {self.ref}: {len(self.tensors)} tensors, {self.nbytes} bytes>"

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
            self._table.sources[info.name].read_into(start * storage.itemsize, out.view(np.uint8).data)

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

    def warm_up(self) -> None:
        """Load the compiled code that reading calls, so that the memory that it takes is known to a plan."""
        for source in self._table.sources.values():
            source.warm_up()

    def source(self, name: str) -> TensorSource:
        """Return where the bytes of a tensor come from; reading it must not outlive the checkpoint."""
        return self._table.sources[name]

    def forget(self, name: str, start: int, count: int) -> None:
        """Tell the system that the elements ``start … start + count`` will not be read again soon."""
        info = self._info(name)
        source = self._table.sources[info.name]
        if isinstance(source, FileSpan):
            itemsize = info.dtype.itemsize
            source.forget(start * itemsize, count * itemsize)

    def close(self) -> None:
        """Give the open files back; the header's contents stay."""
        self._is_closed = True
        READ_POOL.forget(self._table.files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _info(self, name: str) -> TensorInfo:
        if self._is_closed:
            raise CheckpointError(f"{self.ref}: is closed; open it again to read {quoted(name)}")
        info = self.tensors.get(self.tied.get(name, name))
        if info is None:
            raise CheckpointError(f"{self.ref}: holds no tensor {quoted(name)}")
        return info
