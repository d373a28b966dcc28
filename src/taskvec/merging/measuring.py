"""The statistics of a merge, planned and measured: each pass may use what those before it found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from taskvec.merging.computed import Computed, Found, Known, formula_of
from taskvec.merging.copies import copy_job
from taskvec.merging.counts import Counts
from taskvec.merging.cuts import Cut as FoundCut
from taskvec.merging.cuts import find_cuts, plan_cuts
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.model_cuts import find_model_cuts, plan_model_cuts
from taskvec.merging.summing import of_model, sums_job
from taskvec.methods.method import Method
from taskvec.methods.part import Array
from taskvec.methods.rule import Formula
from taskvec.methods.settings import Settings
from taskvec.methods.statistic import Cut, Cuts, Statistic, Sums, Ties, magnitudes
from taskvec.streaming import AlignedTensor, Job, PlannedPass, RunOptions, plan_pass, run
from taskvec.vectors.task_vector import TaskVector


class Measured:
    """What a merge needs to know, measured when it is first asked for; travels as what was measured."""

    def __init__(self, measuring: Measuring, options: RunOptions) -> None:
        self._measuring = measuring
        self._options = options
        self._found: Found | None = None
        self._lock = threading.Lock()

    def __call__(self, options: RunOptions | None = None) -> Found:
        """Return what the statistics found."""
        with self._lock:
            if self._found is None:
                self._found = self._measuring.measure(options or self._options)
            return self._found

    def __reduce__(self) -> tuple[type[Known], tuple[Found]]:
        return Known, (self(),)


@dataclass(frozen=True)
class Measuring:
    """The statistics that one merge needs.

    Attributes:
        inputs: The task vectors.
        settings: The options.
        method: The method.
    """

    inputs: MergeInputs
    settings: Settings
    method: Method

    @cached_property
    def rule(self) -> Formula:
        """What the merge computes."""
        return formula_of(self.method, self.inputs, self.settings)

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that these passes call beside what reading a merge does."""
        return ("trimming",) if any(isinstance(statistic, Cuts) for statistic in self._wanted) else ()

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return the passes that come before the first element."""
        planned: list[PlannedPass] = []
        copies = self._copies
        if copies:
            planned.append(plan_pass(copies.label, copies.tensors, copies.kernel, options))
        for statistic in self._wanted:
            if isinstance(statistic, Sums):
                job = self._sums_job(statistic, {})
                planned.append(plan_pass(job.label, job.tensors, job.kernel, options))
            else:
                plan = plan_model_cuts if self._is_of_model(statistic) else plan_cuts
                planned += plan(self._scored(statistic, {}), options)
        return tuple(planned)

    def measure(self, options: RunOptions) -> Found:
        """Run these passes.

        Args:
            options: The limits.

        Returns:
            Tensor → what each statistic found; None where the options do not need it.
        """
        copies = self._copies
        if copies:
            run(copies, options)
        found: dict[str, tuple[Any, ...]] = {tensor.name: () for tensor in self.inputs.alignment.combinable}
        wanted = self._wanted
        for statistic in self.rule.statistics:
            new = self._measured(statistic, found, options) if statistic in wanted else {}
            found = {name: (*before, new.get(name)) for name, before in found.items()}
        return found

    @property
    def _wanted(self) -> list[Statistic]:
        """The statistics that the options of any tensor need."""
        chosen = [self.settings.at(tensor.name) for tensor in self.inputs.alignment.combinable]
        return [one for one in self.rule.statistics if any(one.wanted(options) for options in chosen)]

    @property
    def _copies(self) -> Job | None:
        """The pass that compares what is only copied, unless a count of magnitudes does so."""
        counts = any(isinstance(one, Cuts) and one.scores is magnitudes for one in self._wanted)
        return None if counts else copy_job(self.inputs)

    def _measured(self, statistic: Statistic, before: Found, options: RunOptions) -> Mapping[str, Any]:
        if isinstance(statistic, Cuts):
            return self._cuts(statistic, before, options)
        totals = run(self._sums_job(statistic, before), options)
        sums = {name: total for name, (total,) in totals.items()}
        return of_model(sums) if self._is_of_model(statistic) else sums

    def _sums_job(self, sums: Sums, before: Found) -> Job:
        return sums_job(self.inputs, self.settings, self.method, self.rule.statistics.index(sums), before)

    def _is_of_model(self, statistic: Statistic) -> bool:
        tensors = self.inputs.alignment.combinable
        return bool(tensors) and statistic.scope(self.settings.at(tensors[0].name)) == "model"

    def _cuts(self, cuts: Cuts, before: Found, options: RunOptions) -> Mapping[str, Cut]:
        if self._is_of_model(cuts):
            return self._model_cuts(cuts, options)
        tensors = [tensor for tensor in self.inputs.alignment.combinable if tensor.num_params]
        kept = {tensor.name: self._kept(cuts, tensor, before) for tensor in tensors}
        nothing = np.zeros_like(next(iter(kept.values()), np.zeros((1, len(self.inputs.vectors)), np.int64)))
        scored = self._scored(cuts, before)
        counts = {t.name: kept.get(t.name, nothing).reshape(-1) for t in self.inputs.alignment.combinable}
        found = find_cuts(scored, counts, options)
        return {name: _shaped(found[name], one) for name, one in kept.items()}

    def _model_cuts(self, cuts: Cuts, options: RunOptions) -> Mapping[str, Cut]:
        tensors = self.inputs.alignment.combinable
        total = sum(tensor.num_params for tensor in tensors)
        kept = np.atleast_2d(cuts.kept(total, self.settings.at(tensors[0].name), ()))
        found = find_model_cuts(self._scored(cuts, {}), kept.reshape(-1), options)
        return {name: _shaped(cut, kept) for name, cut in found.items()}

    def _kept(self, cuts: Cuts, tensor: AlignedTensor, before: Found) -> Array:
        return np.atleast_2d(cuts.kept(tensor.num_params, self.settings.at(tensor.name), before[tensor.name]))

    def _scored(self, cuts: Cuts, before: Found) -> MergeInputs:
        """Return what is ranked, once for every cut: the vectors themselves, or scores as one vector."""
        vectors = self.inputs.vectors
        if cuts.scores is not magnitudes:
            name = f"scores of {self.settings.method}"
            which = self.rule.statistics.index(cuts)
            scores = Computed(name, self.method, self.inputs, self.settings, Known(before), which)
            vectors = ((name, TaskVector.from_terms(self.inputs.base, {scores.form: 1.0})),)
        return MergeInputs(self.inputs.base, vectors * cuts.number)


@dataclass(frozen=True, eq=False)
class _ShapedLook:
    """Looks for where cuts end, as a method sees them; a cut that keeps nothing ends at 0."""

    look: Callable[[], Counts]
    kept: Array

    def __call__(self) -> Counts:
        return np.where(self.kept == 0, 0, self.look().reshape(self.kept.shape))


def _shaped(found: FoundCut, kept: Array) -> Cut:
    """Return the cuts as a method sees them; above a cut that keeps nothing is nothing."""
    shape = kept.shape
    least = np.where(kept == 0, np.float32(np.inf), found.thresholds.view(np.float32).reshape(shape))
    ties = Ties(found.places.reshape(shape), found.inside.reshape(shape))
    return Cut(least, _ShapedLook(found.look, kept), ties)
