"""Sums over the elements of every tensor that a method asks for: one streamed pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from taskvec.merging.computed import Found
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.reading import chunk_parts, part_bytes, parts, warm_up
from taskvec.methods.method import Formula
from taskvec.methods.part import Array, Doubles, Grain, Part, row_length
from taskvec.methods.settings import Settings
from taskvec.methods.statistic import Sums
from taskvec.numerics.kernels import TILE
from taskvec.streaming import AlignedTensor, Chunk, Job, Kernel


class _Running:
    """A sum that grows in order."""

    def __init__(self) -> None:
        self.total: Doubles | None = None

    def add(self, terms: Array) -> None:
        """Add the terms of one tile or row, ``(K, n)``."""
        sums: Doubles = terms.sum(axis=1, dtype=np.float64)
        self.total = sums if self.total is None else self.total + sums


class SumsKernel(Kernel):
    """Adds terms up, tile by tile or row by row, so that no sum depends on the chunk size."""

    def __init__(self, inputs: MergeInputs, settings: Settings, sums: Sums, rule: Formula, before: Found) -> None:
        self._inputs = inputs
        self._settings = settings
        self._sums = sums
        self._rule = rule
        self._grain = rule.grain
        self._before = before

    def warm_up(self) -> None:
        """Load what reading parts and the terms call."""
        warm_up()
        self._rule.warm_up()

    def begin(self, tensor: AlignedTensor) -> _Running:  # noqa: ARG002
        """Open the sums of a piece."""
        return _Running()

    def process(self, chunk: Chunk, state: _Running) -> None:
        """Add one chunk's tiles, or the rows that begin in it."""
        options = self._settings.at(chunk.tensor.name)
        for part in self._parts(chunk):
            known = replace(part, found=self._before.get(part.tensor, ()))
            terms = self._sums.terms(known, options)
            step = TILE if self._grain is Grain.ELEMENTS else row_length(part.shape)
            for start in range(0, terms.shape[1], step):
                state.add(terms[:, start : start + step])

    def finish(self, state: _Running) -> tuple[Doubles, ...]:
        """Return the sums of a piece."""
        return () if state.total is None else (state.total,)

    def scratch_bytes(self, num_sources: int) -> int:  # noqa: ARG002
        """Return the bytes of a part and of what is made of it."""
        return part_bytes(self._inputs, self._grain, self._rule.number_bytes)

    def parameters(self) -> bytes:
        """Return what is summed."""
        known = [
            f"{self._settings.at(tensor.name)} {self._before.get(tensor.name)}"
            for tensor in self._inputs.alignment.combinable
        ]
        return "\0".join([self._settings.method, self._sums.terms.__qualname__, self._inputs.identity, *known]).encode()

    def _parts(self, chunk: Chunk) -> Iterator[Part]:
        if self._grain is Grain.ELEMENTS:
            return chunk_parts(self._inputs, chunk)
        length = row_length(chunk.tensor.shape)
        first, stop = (-(-edge // length) * length for edge in (chunk.start, chunk.stop))
        return parts(self._inputs, chunk.tensor, first, stop, self._grain)


def sums_job(inputs: MergeInputs, settings: Settings, sums: Sums, rule: Formula, before: Found) -> Job:
    """Describe the pass."""
    kernel = SumsKernel(inputs, settings, sums, rule, before)
    return Job(f"sum over {len(inputs.vectors)} vectors", inputs.alignment.combinable, kernel)


def of_model(per_tensor: Mapping[str, Doubles]) -> Mapping[str, Doubles]:
    """Return for every tensor the sums of all of them, added in the base's order."""
    total = sum(per_tensor.values(), start=np.float64(0))
    return dict.fromkeys(per_tensor, np.asarray(total))
