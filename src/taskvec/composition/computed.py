"""Task vectors that a formula makes of others, computed as they are read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from blake3 import blake3

from taskvec.checkpoints.derived import DerivedCheckpoint
from taskvec.composition.inputs import MergeInputs
from taskvec.composition.reading import part_bytes, parts, read_part
from taskvec.methods.part import Array, Grain, Part
from taskvec.methods.settings import Settings
from taskvec.numerics.one_thread import one_thread_each
from taskvec.streaming import AlignedTensor, RunOptions
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Dense, Source

Found = Mapping[str, tuple[Any, ...]]
"""Tensor → what a method's statistics found in it, one of each."""

_WHOLE_BYTES = 150  # of an element while a whole tensor is merged: factors, what finds them, the last results
_KEPT = 2  # whole results that are kept: that of the tensor being read, and that of the one before it


@dataclass(frozen=True)
class Computed:
    """A formula over T task vectors.

    Attributes:
        name: What it is called.
        merge: From a part and options to one row, ``(n,)``.
        grain: How much of a tensor a part must hold.
        inputs: The task vectors.
        settings: The options.
        found: What was measured.
    """

    name: str
    merge: Callable[[Part, Any], Array]
    grain: Grain
    inputs: MergeInputs
    settings: Settings
    found: Callable[[], Found]

    @property
    def form(self) -> Dense:
        """A derived checkpoint of float32 deltas."""
        inputs = self.inputs
        kind = _WholeTensor if self.grain is Grain.TENSOR else _MergedTensor
        sources = {
            TensorInfo(tensor.name, DType.F32, tensor.shape): kind(self, tensor)
            for tensor in inputs.alignment.combinable
        }
        origins = [inputs.base.checkpoint, *(form.source.checkpoint for form in inputs.forms)]
        return Dense(Source(self._identity, DerivedCheckpoint(self.name, sources, origins)))

    def held_bytes(self, options: RunOptions) -> int:
        """Return the memory that reading it takes: of a part for each worker, or of one whole tensor."""
        if self.grain is not Grain.TENSOR:
            return options.workers * part_bytes(self.inputs, self.grain)
        return _WHOLE_BYTES * max((tensor.num_params for tensor in self.inputs.alignment.combinable), default=0)

    def row(self, part: Part) -> Array:
        """Return the merged elements of a part."""
        known = replace(part, found=self.found().get(part.tensor, ()))
        return self.merge(known, self.settings.at(part.tensor))

    def whole(self, tensor: AlignedTensor) -> Array:
        """Return a whole merged tensor; one is merged at a time, with one thread, and the last ones are kept."""
        with self._lock:
            if tensor.name not in self._kept:
                rows = cast("Array", _Rows(self._singles, tensor.name))  # methods on whole tensors take one at a time
                base = read_part(MergeInputs(self.inputs.base, ()), replace(tensor, sources=()), 0, tensor.num_params)
                with one_thread_each():
                    merged = self.row(replace(base, rows=rows, names=self.inputs.names))
                self._kept[tensor.name] = np.asarray(merged, np.float32)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return self._kept[tensor.name]

    @cached_property
    def _lock(self) -> threading.Lock:
        return threading.Lock()

    @cached_property
    def _kept(self) -> OrderedDict[str, Array]:
        return OrderedDict()

    @cached_property
    def _singles(self) -> list[MergeInputs]:
        return [MergeInputs(self.inputs.base, (vector,)) for vector in self.inputs.vectors]

    @cached_property
    def _identity(self) -> str:
        key = blake3(f"{self.settings.method} {self.grain} {self.name} {self.inputs.identity}".encode())
        for tensor in self.inputs.alignment.combinable:
            key.update(f"{tensor.name} {self.settings.at(tensor.name)}".encode())
        return key.hexdigest()


class _Rows:
    """The T deltas of a whole tensor, each read when it is asked for."""

    def __init__(self, singles: list[MergeInputs], tensor: str) -> None:
        self._singles = singles
        self._tensor = tensor

    def __len__(self) -> int:
        return len(self._singles)

    def __getitem__(self, task: int) -> Array:
        inputs = self._singles[task]
        tensor = inputs.tensor(self._tensor)
        row: Array = read_part(inputs, tensor, 0, tensor.num_params).rows[0]
        return row

    def __iter__(self) -> Iterator[Array]:
        return (self[task] for task in range(len(self)))


@dataclass(frozen=True)
class _MergedTensor:
    """One tensor, computed part by part.

    Attributes:
        computed: The formula.
        tensor: The tensor, aligned over the forms.
    """

    computed: Computed
    tensor: AlignedTensor

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values, computed = np.frombuffer(out, np.float32), self.computed
        first = offset // values.itemsize
        stop = first + values.size
        for part in parts(computed.inputs, self.tensor, first, stop, computed.grain):
            merged = computed.row(part)
            low, high = max(part.first, first), min(part.first + merged.size, stop)
            values[low - first : high - first] = merged[low - part.first : high - part.first]


@dataclass(frozen=True)
class _WholeTensor:
    """One tensor, computed whole.

    Attributes:
        computed: The formula.
        tensor: The tensor, aligned over the forms.
    """

    computed: Computed
    tensor: AlignedTensor

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first = offset // values.itemsize
        values[:] = self.computed.whole(self.tensor)[first : first + values.size]
