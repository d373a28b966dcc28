"""A merge of task vectors that is computed as it is read; what it must measure is measured when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from blake3 import blake3

from taskvec.checkpoints.derived import DerivedCheckpoint
from taskvec.composition.combining import CombinedVectors
from taskvec.composition.inputs import MergeInputs
from taskvec.composition.measuring import measure, plan_statistics
from taskvec.composition.reading import part_bytes, parts
from taskvec.composition.summing import Found
from taskvec.methods import Method, find_method
from taskvec.methods.method import Combination, Formula
from taskvec.methods.settings import Given, Settings
from taskvec.streaming import AlignedTensor, PlannedPass, RunOptions
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Dense, Source
from taskvec.vectors.task_vector import TaskVector, check_same_base


class Merge:
    """A merge of T task vectors of one base by a method.

    Attributes:
        name: What it is called in messages and records.
        method: The method.
        inputs: The task vectors.
        settings: The method's options, checked.
    """

    def __init__(
        self,
        method: Method | str,
        vectors: Mapping[str, TaskVector],
        given: Mapping[str, Given] | None = None,
        *,
        name: str | None = None,
        base: Source | None = None,
        options: RunOptions | None = None,
    ) -> None:
        """Check everything that can be without reading a weight.

        Args:
            method: The method, or its name.
            vectors: Name → task vector; the names are part of what random masks depend on.
            given: The method's options by name; each a value, or a function from a tensor's name to one.
            name: What the merge is called; made of the method and the names if not given.
            base: The base; that of the vectors if not given.
            options: The limits of passes that nobody asked for by :meth:`prepare`.
        """
        self.method = find_method(method) if isinstance(method, str) else method
        self.settings: Settings = self.method.settings(list(vectors), given or {})
        check_same_base(list(vectors.values()))
        self.name = name or f"{self.method.name}({', '.join([*vectors, self.settings.text]).removesuffix(', ')})"
        self.inputs = MergeInputs(base or next(iter(vectors.values())).base, tuple(vectors.items()))
        self._work = _work(self.name, self.method, self.settings, self.inputs, options or RunOptions())

    def __repr__(self) -> str:
        return f"<Merge {self.name}>"

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return the passes that come before the first element; reads no weight."""
        return self._work.plan(options)

    def prepare(self, options: RunOptions) -> None:
        """Run these passes; once is enough."""
        self._work.prepare(options)

    def held_bytes(self, options: RunOptions) -> int:
        """Return the memory that reading the merge takes beside the buffers of the pass that reads it."""
        return self._work.held_bytes(options)

    @property
    def rules(self) -> tuple[dict[str, Any], ...]:
        """The rules that its inputs needed, as plain data."""
        return tuple(use.to_json() for use in self.inputs.alignment.uses)

    @property
    def vector(self) -> TaskVector:
        """The merge as a task vector like any other."""
        return self._work.vector


def _work(
    name: str, method: Method, settings: Settings, inputs: MergeInputs, options: RunOptions
) -> CombinedVectors | ComputedVectors:
    for tensor in inputs.alignment.combinable if settings.varies else ():
        settings.at(tensor.name)  # a function that gives what the method cannot take is refused now
    if isinstance(method.rule, Combination):
        return CombinedVectors(name, method.rule, settings, inputs, options)
    return ComputedVectors(name, method.rule, settings, inputs, options)


class ComputedVectors:
    """The way of a formula: statistics first, then every element as it is read."""

    def __init__(self, name: str, rule: Formula, settings: Settings, inputs: MergeInputs, options: RunOptions) -> None:
        self.name = name
        self.rule = rule
        self.settings = settings
        self.inputs = inputs
        self._options = options
        self._found: Found | None = None
        self._lock = threading.Lock()

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return the passes of the statistics."""
        return plan_statistics(self.inputs, self.settings, self.rule, options)

    def prepare(self, options: RunOptions) -> None:
        """Measure the statistics, unless they are known."""
        self.found(options)

    def found(self, options: RunOptions | None = None) -> Found:
        """Return what the statistics found; measured when it is first asked for."""
        with self._lock:
            if self._found is None:
                self._found = measure(self.inputs, self.settings, self.rule, options or self._options)
            return self._found

    def held_bytes(self, options: RunOptions) -> int:
        """Return the bytes of a part for each worker."""
        return options.workers * part_bytes(self.inputs, self.rule.grain)

    @property
    def vector(self) -> TaskVector:
        """A derived checkpoint of float32 deltas."""
        inputs = self.inputs
        sources = {
            TensorInfo(tensor.name, DType.F32, tensor.shape): _MergedTensor(self, tensor)
            for tensor in inputs.alignment.combinable
        }
        origins = [inputs.base.checkpoint, *(form.source.checkpoint for form in inputs.forms)]
        source = Source(self._identity(), DerivedCheckpoint(self.name, sources, origins))
        return TaskVector.from_terms(inputs.base, {Dense(source): 1.0}, inputs.allow)

    def _identity(self) -> str:
        key = blake3(f"{self.settings.method} {self.inputs.identity} {self.inputs.names}".encode())
        for tensor in self.inputs.alignment.combinable:
            key.update(f"{tensor.name} {self.settings.at(tensor.name)}".encode())
        return key.hexdigest()


@dataclass(frozen=True)
class _MergedTensor:
    """One tensor of a merge; float32.

    Attributes:
        work: The merge.
        tensor: The tensor, aligned over the merge's forms.
    """

    work: ComputedVectors
    tensor: AlignedTensor

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first, work, tensor = offset // values.itemsize, self.work, self.tensor
        stop, options = first + values.size, work.settings.at(tensor.name)
        found = work.found().get(tensor.name, ())
        for part in parts(work.inputs, tensor, first, stop, work.rule.grain):
            merged = work.rule.merge(replace(part, found=found), options)
            low, high = max(part.first, first), min(part.first + merged.size, stop)
            values[low - first : high - first] = merged[low - part.first : high - part.first]
