"""Task vectors that a formula makes of others, computed as they are read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from blake3 import blake3

from taskvec.checkpoints.derived import derived
from taskvec.checkpoints.table import Maker, TensorSource
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.reading import (
    CALLS,
    Raw,
    chunk_parts,
    input_bytes,
    part_bytes,
    parts,
    read_part,
    read_stored,
    stored_bytes,
    stored_elements,
)
from taskvec.methods.method import Method
from taskvec.methods.part import Array, Grain, Part
from taskvec.methods.rule import Formula, Fused
from taskvec.methods.settings import Settings
from taskvec.methods.statistic import Cuts
from taskvec.numerics.kernels import TILE
from taskvec.numerics.one_thread import one_thread_each
from taskvec.streaming import AlignedTensor, calls_of_reading
from taskvec.streaming.aligned import makers_of_reading
from taskvec.streaming.units import BLOCK
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Dense, Source

Found = Mapping[str, tuple[Any, ...]]
"""Tensor → what a method's statistics found in it, one of each."""

_WHOLE_BYTES = 192  # of an element while a whole tensor is merged: factors, and what finds them
_MORE_TILES = 8  # of a kernel that merges what is stored, beside those of the vectors: signs, sums and shares
_NO_ROW = np.empty(0, np.float32)


class _Own(threading.local):
    """What a thread has of its own: room that it reads to again and again, and the block or tensor it merged last."""

    def __init__(self, size: int) -> None:
        self.space: Raw = np.empty(size, np.uint8)
        self.place: tuple[str, int] | None = None
        self.row: Array = _NO_ROW


@dataclass(frozen=True)
class Known:
    """What was measured, as it travels."""

    values: Found

    def __call__(self) -> Found:
        """Return it."""
        return self.values


@dataclass(frozen=True, eq=False)
class Computed:
    """A formula over T task vectors; a value, which travels with what was measured and without what is kept of it.

    Reading it takes what it says (`kept_bytes`, `held_bytes`, `scratch_bytes`), each in bytes.

    Attributes:
        name: What it is called.
        method: The method whose formula it is.
        inputs: The task vectors.
        settings: The options.
        found: What was measured.
        scores: Which of the method's statistics is meant, whose scores are computed in place of the merge.
    """

    name: str
    method: Method
    inputs: MergeInputs
    settings: Settings
    found: Callable[[], Found]
    scores: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def rule(self) -> Formula:
        """What the method computes with these options."""
        return formula_of(self.method, self.inputs, self.settings)

    @property
    def grain(self) -> Grain:
        """How much of a tensor a part must hold."""
        return self.rule.grain

    @cached_property
    def _row(self) -> Callable[[Part, Any], Array]:
        """From a part and options to one row, ``(n,)``."""
        if self.scores is None:
            return self.rule.merge
        cuts = cast("Cuts", self.rule.statistics[self.scores])
        return lambda part, options: cuts.scores(part, options)[0]

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
        return Dense(Source(self._identity, derived(self.name, sources, origins)))

    @cached_property
    def calls(self) -> tuple[str, ...]:
        """The kernels that reading it calls, the inputs' too: found once, though every tensor asks for them."""
        return (*CALLS, *self.rule.calls, *calls_of_reading(self.inputs.alignment.combinable))

    @cached_property
    def scratch_bytes(self) -> int:
        """What a worker needs to compute elements: parts, or tiles, and to read the inputs; 0 for whole tensors."""
        if self.grain is Grain.TENSOR:
            return 0
        tiles = (len(self.inputs.forms) + len(self.inputs.vectors) + _MORE_TILES) * TILE * _NO_ROW.itemsize
        in_tiles = tiles if self._fuses(any) else 0
        in_parts = 0 if self._fuses(all) else part_bytes(self.inputs, self.grain, self.rule.number_bytes)
        return max(in_tiles, in_parts) + input_bytes(self.inputs, self.grain)

    @cached_property
    def kept_bytes(self) -> int:
        """What each worker keeps: the block that it merged last and room for its inputs, or a whole tensor."""
        if self.grain is Grain.TENSOR:
            return _NO_ROW.itemsize * self._longest
        return stored_bytes(self.inputs) + _NO_ROW.itemsize * BLOCK if self._fuses(any) else 0

    @cached_property
    def held_bytes(self) -> int:
        """What is held for all workers: what one whole tensor takes that is merged at a time, and what inputs hold."""
        inputs = max((tensor.held_bytes for tensor in self.inputs.alignment.combinable), default=0)
        if self.grain is not Grain.TENSOR:
            return inputs
        return inputs + _WHOLE_BYTES * self._longest + input_bytes(self.inputs, self.grain)

    @cached_property
    def makers(self) -> frozenset[Maker]:
        """This merge, and the merges within it."""
        return makers_of_reading(self.inputs.alignment.combinable) | {self}

    @property
    def _longest(self) -> int:
        return max((tensor.num_params for tensor in self.inputs.alignment.combinable), default=0)

    def row(self, part: Part) -> Array:
        """Return the merged elements of a part."""
        known = replace(part, found=self.found().get(part.tensor, ()))
        return self._row(known, self.settings.at(part.tensor))

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
        fused = self.rule.fused if self.scores is None else None
        return fused if fused and fused.wanted(self.settings.at(tensor)) else None

    def _fuses(self, of: Callable[[Iterable[bool]], bool]) -> bool:
        """Return whether any tensor, or all of them, are merged as they are stored."""
        return of(self._fused_at(tensor.name) is not None for tensor in self.inputs.alignment.combinable)

    def whole(self, tensor: AlignedTensor) -> Array:
        """Return a whole merged tensor; one is merged at a time, with one thread, and each thread keeps its last."""
        own = self._own
        if own.place != (tensor.name, 0):
            own.place, own.row = None, _NO_ROW
            with self._lock, one_thread_each():
                rows = cast("Array", _Rows(self._singles, tensor.name))  # methods on whole tensors take one at a time
                base = read_part(MergeInputs(self.inputs.base, ()), replace(tensor, sources=()), 0, tensor.num_params)
                own.row = np.asarray(self.row(replace(base, rows=rows, names=self.inputs.names)), np.float32)
            own.place = (tensor.name, 0)
        return own.row

    @cached_property
    def _lock(self) -> threading.Lock:
        return threading.Lock()

    @cached_property
    def _singles(self) -> list[MergeInputs]:
        return [MergeInputs(self.inputs.base, (vector,)) for vector in self.inputs.vectors]

    @cached_property
    def _identity(self) -> str:
        key = blake3(f"{self.settings.method} {self.grain} {self.name} {self.inputs.identity}".encode())
        for tensor in self.inputs.alignment.combinable:
            key.update(f"{tensor.name} {self.settings.at(tensor.name)}".encode())
        return key.hexdigest()


def formula_of(method: Method, inputs: MergeInputs, settings: Settings) -> Formula:
    """Return the formula that given options ask for, the same for all tensors."""
    first = next((tensor.name for tensor in inputs.alignment.combinable), "")
    return cast("Formula", method.rule_for(settings.at(first)))


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
class _TensorOfMerge(TensorSource):
    """One tensor of a merge; what is kept and held while it is computed is the merge's.

    Attributes:
        computed: The formula.
        tensor: The tensor, aligned over the forms.
    """

    computed: Computed
    tensor: AlignedTensor

    @property
    def calls(self) -> tuple[str, ...]:
        """Those of the merge."""
        return self.computed.calls

    @property
    def makers(self) -> frozenset[Maker]:
        """The merge, and the merges within it."""
        return self.computed.makers

    def scratch_bytes(self, count: int) -> int:  # noqa: ARG002
        """Return what one worker needs to compute parts, however few elements of them are asked for."""
        return self.computed.scratch_bytes


@dataclass(frozen=True)
class _MergedTensor(_TensorOfMerge):
    """One tensor, computed part by part."""

    @property
    def grain(self) -> Grain:
        """That of its inputs, which may be merges of whole tensors."""
        return self.tensor.grain

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values, computed = np.frombuffer(out, np.float32), self.computed
        first = offset // values.itemsize
        stop = first + values.size
        for start, merged in computed.merged(self.tensor, first, stop):
            low, high = max(start, first), min(start + merged.size, stop)
            values[low - first : high - first] = merged[low - start : high - start]


@dataclass(frozen=True)
class _WholeTensor(_TensorOfMerge):
    """One tensor, computed whole."""

    @property
    def grain(self) -> Grain:
        """All of it."""
        return Grain.TENSOR

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first = offset // values.itemsize
        values[:] = self.computed.whole(self.tensor)[first : first + values.size]
