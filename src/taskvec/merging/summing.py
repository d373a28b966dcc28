"""Sums over the elements of every tensor that a method asks for: one streamed pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from taskvec.merging.computed import Found, formula_of
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.reading import CALLS, chunk_parts, part_bytes, parts
from taskvec.methods.method import Method
from taskvec.methods.part import Array, Doubles, Grain, Part, row_length
from taskvec.methods.rule import Formula
from taskvec.methods.settings import Settings
from taskvec.methods.statistic import Sums
from taskvec.numerics.kernels import TILE
from taskvec.streaming import AlignedTensor, Chunk, ChunkKernel, Job


class _Running:
    """A sum that grows in order."""

    def __init__(self) -> None:
        self.total: Doubles | None = None

    def add(self, terms: Array) -> None:
        """Add the terms of one tile or row, ``(K, n)``."""
        sums: Doubles = terms.sum(axis=1, dtype=np.float64)
        self.total = sums if self.total is None else self.total + sums


@dataclass(frozen=True, eq=False)
class SumsKernel(ChunkKernel):
    """Adds terms up, tile by tile or row by row, so that no sum depends on the chunk size.

    Attributes:
        inputs: The task vectors.
        settings: The options.
        method: The method that asks for the sums.
        which: Which of its statistics they are.
        before: What those before it found.
    """

    inputs: MergeInputs
    settings: Settings
    method: Method
    which: int
    before: Found

    @cached_property
    def _rule(self) -> Formula:
        return formula_of(self.method, self.inputs, self.settings)

    @property
    def _terms(self) -> Callable[[Part, Any], Array]:
        return cast("Sums", self._rule.statistics[self.which]).terms

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def calls(self) -> tuple[str, ...]:
        """What reading parts and the terms call."""
        return (*CALLS, *self._rule.calls)

    def begin(self, tensor: AlignedTensor) -> _Running:  # noqa: ARG002
        """Open the sums of a piece."""
        return _Running()

    def process(self, chunk: Chunk, state: _Running) -> None:
        """Add one chunk's tiles, or the rows that begin in it."""
        options = self.settings.at(chunk.tensor.name)
        for part in self._parts(chunk):
            known = replace(part, found=self.before.get(part.tensor, ()))
            terms = self._terms(known, options)
            step = TILE if self._rule.grain is Grain.ELEMENTS else row_length(part.shape)
            for start in range(0, terms.shape[1], step):
                state.add(terms[:, start : start + step])

    def finish(self, state: _Running) -> tuple[Doubles, ...]:
        """Return the sums of a piece."""
        return () if state.total is None else (state.total,)

    def scratch_bytes(self, num_sources: int) -> int:  # noqa: ARG002
        """Return the bytes of a part and of what is made of it."""
        return part_bytes(self.inputs, self._rule.grain, self._rule.number_bytes)

    def parameters(self) -> bytes:
        """Return what is summed."""
        known = [
            f"{self.settings.at(tensor.name)} {self.before.get(tensor.name)}"
            for tensor in self.inputs.alignment.combinable
        ]
        return "\0".join([self.settings.method, self._terms.__qualname__, self.inputs.identity, *known]).encode()

    def _parts(self, chunk: Chunk) -> Iterator[Part]:
        if self._rule.grain is Grain.ELEMENTS:
            return chunk_parts(self.inputs, chunk)
        length = row_length(chunk.tensor.shape)
        first, stop = (-(-edge // length) * length for edge in (chunk.start, chunk.stop))
        return parts(self.inputs, chunk.tensor, first, stop, self._rule.grain)


def sums_job(inputs: MergeInputs, settings: Settings, method: Method, which: int, before: Found) -> Job:
    """Describe the pass."""
    kernel = SumsKernel(inputs, settings, method, which, before)
    return Job(f"sum over {len(inputs.vectors)} vectors", inputs.alignment.combinable, kernel)


def of_model(per_tensor: Mapping[str, Doubles]) -> Mapping[str, Doubles]:
    """Return for every tensor the sums of all of them, added in the base's order."""
    total = sum(per_tensor.values(), start=np.float64(0))
    return dict.fromkeys(per_tensor, np.asarray(total))
