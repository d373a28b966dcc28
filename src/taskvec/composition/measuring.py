"""The statistics of a merge, planned and measured: each pass may use what those before it found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taskvec.composition.copies import copy_job
from taskvec.composition.cuts import find_cuts, plan_cuts
from taskvec.composition.inputs import MergeInputs
from taskvec.composition.summing import Found, of_model, sums_job
from taskvec.errors import CompositionError
from taskvec.methods.method import Formula
from taskvec.methods.settings import Settings
from taskvec.methods.statistic import Cut, Cuts, Statistic, Sums
from taskvec.streaming import PlannedPass, RunOptions, plan_pass, run


def plan_statistics(
    inputs: MergeInputs, settings: Settings, rule: Formula, options: RunOptions
) -> tuple[PlannedPass, ...]:
    """Plan the passes that come before the first element.

    Args:
        inputs: The task vectors.
        settings: The options of the merge.
        rule: What it computes.
        options: The limits.

    Returns:
        The passes, in order.
    """
    planned: list[PlannedPass] = []
    for statistic in _wanted(rule, inputs, settings):
        if isinstance(statistic, Sums):
            job = sums_job(inputs, settings, statistic, rule.grain, {})
            planned.append(plan_pass(job.label, job.tensors, job.kernel, options))
        else:
            planned += plan_cuts(inputs, _density(inputs, settings), options)
    copies = None if _compares(rule, inputs, settings) else copy_job(inputs)
    return (*((plan_pass(copies.label, copies.tensors, copies.kernel, options),) if copies else ()), *planned)


def measure(inputs: MergeInputs, settings: Settings, rule: Formula, options: RunOptions) -> Found:
    """Run these passes.

    Args:
        inputs: The task vectors.
        settings: The options of the merge.
        rule: What it computes.
        options: The limits.

    Returns:
        Tensor → what each statistic found; None where the options do not need it.
    """
    copies = None if _compares(rule, inputs, settings) else copy_job(inputs)
    if copies:
        run(copies, options)
    found: dict[str, tuple[Any, ...]] = {tensor.name: () for tensor in inputs.alignment.combinable}
    wanted = _wanted(rule, inputs, settings)
    for statistic in rule.statistics:
        new = _measured(statistic, inputs, settings, rule, found, options) if statistic in wanted else {}
        found = {name: (*before, new.get(name)) for name, before in found.items()}
    return found


def _measured(
    statistic: Statistic, inputs: MergeInputs, settings: Settings, rule: Formula, before: Found, options: RunOptions
) -> Mapping[str, Any]:
    if isinstance(statistic, Sums):
        totals = run(sums_job(inputs, settings, statistic, rule.grain, before), options)
        sums = {name: total for name, (total,) in totals.items()}
        return of_model(sums) if statistic.scope(settings.at("")) == "model" else sums
    cuts = find_cuts(inputs, _density(inputs, settings), options)
    return {name: Cut(cut.thresholds.view(np.float32)[None], cut.ends[None]) for name, cut in cuts.items()}


def _wanted(rule: Formula, inputs: MergeInputs, settings: Settings) -> list[Statistic]:
    """Return the statistics that the options of any tensor need."""
    chosen = [settings.at(tensor.name) for tensor in inputs.alignment.combinable]
    return [one for one in rule.statistics if any(one.wanted(options) for options in chosen)]


def _compares(rule: Formula, inputs: MergeInputs, settings: Settings) -> bool:
    return any(isinstance(statistic, Cuts) for statistic in _wanted(rule, inputs, settings))


def _density(inputs: MergeInputs, settings: Settings) -> float:
    """Return the one density of all vectors and tensors.

    Raises:
        CompositionError: If there are several.
    """
    densities = {value for tensor in inputs.alignment.combinable for value in settings.at(tensor.name).density}
    if len(densities) > 1:
        raise CompositionError(f"{settings.method}: every task vector and tensor needs the same density for now")
    return float(densities.pop()) if densities else 1.0
