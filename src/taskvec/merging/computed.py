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
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.reading import (
    Raw,
    chunk_parts,
    part_bytes,
    parts,
    read_part,
    read_stored,
    stored_bytes,
    stored_elements,
    warm_up,
)
from taskvec.methods.method import Fused
from taskvec.methods.part import Array, Grain, Part
from taskvec.methods.settings import Settings
from taskvec.numerics.kernels import TILE
from taskvec.numerics.one_thread import one_thread_each
from taskvec.streaming import AlignedTensor, RunOptions, warm_up_reading
from taskvec.streaming.units import BLOCK
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Dense, Source

Found = Mapping[str, tuple[Any, ...]]
"""Tensor → what a method's statistics found in it, one of each."""

_WHOLE_BYTES = 200  # of an element while a whole tensor is merged: factors, what finds them, the last results
_MORE_TILES = 8  # of a kernel that merges what is stored, beside those of the vectors: signs, sums and shares
_NO_ROW = np.empty(0, np.float32)
_KEPT = 2  # whole results that are kept: that of the tensor being read, and that of the one before it


class _Own(threading.local):
    """What a thread has of its own: room that it reads to again and again, and the block that it merged last."""

    def __init__(self, size: int) -> None:
        self.space: Raw = np.empty(size, np.uint8)
        self.place: tuple[str, int] | None = None
        self.row: Array = _NO_ROW


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
        fused: A faster way to the same, of whatever the options are for all tensors.
        number_bytes: The most that the formula makes at once of each number of a part.
        load_own: Loads the kernels that the formula calls beside those of every merge.
    """

    name: str
    merge: Callable[[Part, Any], Array]
    grain: Grain
    inputs: MergeInputs
    settings: Settings
    found: Callable[[], Found]
    fused: Fused | None = None
    number_bytes: int = 0
    load_own: Callable[[], None] = lambda: None

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

    def warm_up(self) -> None:
        """Load the compiled code that reading it calls, the inputs' too: once, though every tensor asks for it."""
        _ = self._is_loaded

    @cached_property
    def _is_loaded(self) -> bool:
        warm_up()
        self.load_own()
        warm_up_reading(self.inputs.alignment.combinable)
        return True

    def held_bytes(self, options: RunOptions) -> int:
        """Return the memory that reading it takes: of a part for each worker, or of one whole tensor."""
        if self.grain is not Grain.TENSOR:
            tiles = (len(self.inputs.forms) + len(self.inputs.vectors) + _MORE_TILES) * TILE
            at_once = stored_bytes(self.inputs) + _NO_ROW.itemsize * (BLOCK + tiles)
            in_parts = part_bytes(self.inputs, self.grain, self.number_bytes)
            return options.workers * (at_once if self._is_always_fused else in_parts)
        return _WHOLE_BYTES * max((tensor.num_params for tensor in self.inputs.alignment.combinable), default=0)

    def row(self, part: Part) -> Array:
        """Return the merged elements of a part."""
        known = replace(part, found=self.found().get(part.tensor, ()))
        return self.merge(known, self.settings.at(part.tensor))

    def merged(self, tensor: AlignedTensor, first: int, stop: int) -> Iterator[tuple[int, Array]]:
        """Yield merged elements that cover at least ``first … stop``, and where each array of them begins."""
        fused = self._fused_at(tensor.name)
        if fused is None:
            for part in parts(self.inputs, tensor, first, stop, self.grain):
                yield part.first, self.row(part)
            return
        for begin in range(first // BLOCK * BLOCK, stop, BLOCK):
            yield begin, self._block(fused, tensor, begin)

    def _block(self, fused: Fused, tensor: AlignedTensor, begin: int) -> Array:
        """Return a merged block; a pass asks for it in chunks, one after another, and each thread keeps its last."""
        own = self._own
        if own.place != (tensor.name, begin):
            own.place, own.row = None, _NO_ROW  # of two blocks only one is held
            own.row = self._merged_block(fused, tensor, begin)
            own.place = (tensor.name, begin)
        return own.row

    def _merged_block(self, fused: Fused, tensor: AlignedTensor, begin: int) -> Array:
        stop = min(begin + BLOCK, tensor.num_params)
        options, found = self.settings.at(tensor.name), self.found().get(tensor.name, ())
        carried, merged = fused.begin(found, begin), np.empty(stop - begin, np.float32)
        for chunk in read_stored(self.inputs, tensor, begin, stop, self._own.space):
            stored = stored_elements(self.inputs, chunk, found, carried)
            if not fused.merge(stored, options, merged[chunk.start - begin : chunk.stop - begin]):
                list(chunk_parts(self.inputs, chunk))  # whose error says what is not finite
        return merged

    @cached_property
    def _own(self) -> _Own:
        return _Own(stored_bytes(self.inputs))

    def _fused_at(self, tensor: str) -> Fused | None:
        return self.fused if self.fused and self.fused.wanted(self.settings.at(tensor)) else None

    @property
    def _is_always_fused(self) -> bool:
        return all(self._fused_at(tensor.name) for tensor in self.inputs.alignment.combinable)

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

    def warm_up(self) -> None:
        """Load the compiled code that reading calls."""
        self.computed.warm_up()

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values, computed = np.frombuffer(out, np.float32), self.computed
        first = offset // values.itemsize
        stop = first + values.size
        for start, merged in computed.merged(self.tensor, first, stop):
            low, high = max(start, first), min(start + merged.size, stop)
            values[low - first : high - first] = merged[low - start : high - start]


@dataclass(frozen=True)
class _WholeTensor:
    """One tensor, computed whole.

    Attributes:
        computed: The formula.
        tensor: The tensor, aligned over the forms.
    """

    computed: Computed
    tensor: AlignedTensor

    def warm_up(self) -> None:
        """Load the compiled code that reading calls."""
        self.computed.warm_up()

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first = offset // values.itemsize
        values[:] = self.computed.whole(self.tensor)[first : first + values.size]
