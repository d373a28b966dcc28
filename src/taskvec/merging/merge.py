"""A merge of task vectors that is computed as it is read; what it must measure is measured when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskvec.merging.combining import CombinedVectors, KnownProducts
from taskvec.merging.computed import Computed
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.measuring import Measured, Measuring
from taskvec.methods import METHODS, Method
from taskvec.methods.rule import Combination
from taskvec.methods.settings import Given, Settings
from taskvec.streaming import PlannedPass, RunOptions
from taskvec.vectors.forms import Source
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
        known: KnownProducts | None = None,
    ) -> None:
        """Check everything that can be without reading a weight.

        Args:
            method: The method, or its name.
            vectors: Name → task vector; the names are part of what random masks depend on.
            given: The method's options by name; each a value, or a function from a tensor's name to one.
            name: What the merge is called; made of the method and the names if not given.
            base: The base; that of the vectors if not given.
            options: The limits of passes that nobody asked for by :meth:`prepare`.
            known: Who may know inner products, such as a store; otherwise they are taken.
        """
        self.method = METHODS.find(method) if isinstance(method, str) else method
        self.settings: Settings = self.method.settings(list(vectors), given or {})
        check_same_base(list(vectors.values()))
        self.name = name or f"{self.method.name}({', '.join([*vectors, self.settings.text]).removesuffix(', ')})"
        self.inputs = MergeInputs(base or next(iter(vectors.values())).base, tuple(vectors.items()))
        self._work = _work(self.name, self.method, self.settings, self.inputs, options or RunOptions(), known)

    def __repr__(self) -> str:
        return f"<Merge {self.name}>"

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that its passes and reading the merge call."""
        return self._work.calls

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return the passes that come before the first element; reads no weight."""
        return self._work.plan(options)

    def prepare(self, options: RunOptions) -> None:
        """Run these passes; once is enough."""
        self._work.prepare(options)

    @property
    def rules(self) -> tuple[dict[str, Any], ...]:
        """The rules that its inputs needed, as plain data."""
        return tuple(use.to_json() for use in self.inputs.alignment.uses)

    @property
    def vector(self) -> TaskVector:
        """The merge as a task vector like any other."""
        return self._work.vector


def _work(
    name: str,
    method: Method,
    settings: Settings,
    inputs: MergeInputs,
    options: RunOptions,
    known: KnownProducts | None,
) -> CombinedVectors | ComputedVectors:
    tensors = [tensor.name for tensor in inputs.alignment.combinable]
    for tensor in tensors if settings.varies else ():
        settings.at(tensor)  # a function that gives what the method cannot take is refused now
    rule = method.rule_for(settings.at(tensors[0] if tensors else ""))
    if isinstance(rule, Combination):
        return CombinedVectors(name, rule, settings, inputs, options, known)
    return ComputedVectors(name, method, settings, inputs, options)


class ComputedVectors:
    """The way of a formula: statistics first, then every element as it is read."""

    def __init__(self, name: str, method: Method, settings: Settings, inputs: MergeInputs, options: RunOptions) -> None:
        self._measuring = Measuring(inputs, settings, method)
        self._found = Measured(self._measuring, options)
        self._computed = Computed(name, method, inputs, settings, self._found)

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that the statistics and the formula call."""
        return (*self._measuring.calls, *self._computed.calls)

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return the passes of the statistics."""
        return self._measuring.plan(options)

    def prepare(self, options: RunOptions) -> None:
        """Measure the statistics, unless they are known."""
        self._found(options)

    @property
    def vector(self) -> TaskVector:
        """A derived checkpoint of float32 deltas."""
        inputs = self._computed.inputs
        return TaskVector.from_terms(inputs.base, {self._computed.form: 1.0}, inputs.allow)
