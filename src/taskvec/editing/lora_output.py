"""An expression written as a LoRA adapter in place of a model."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from taskvec.adapters import Extraction, LoraResult, Targets
from taskvec.editing.edit import Editing, notes_beside
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.numerics import load
from taskvec.streaming import Plan, RunOptions, Steps, plan_steps
from taskvec.streaming.memory import one_run
from taskvec.streaming.steps import foresee_steps
from taskvec.types import DType
from taskvec.vectors.task_vector import Ref


def plan_as_lora(
    understanding: Steps[Editing],
    out: Ref,
    rule: RankRule,
    targets: Targets,
    options: RunOptions,
    *,
    with_rest: bool = False,
) -> Plan:
    """Return what understanding an expression and writing it would cost, without reading a weight."""
    seen = foresee_steps(understanding, options)
    extraction = _extraction(seen.result, rule, targets, with_rest=with_rest)
    with one_run():
        return seen.before(plan_steps(extraction.extracting(out), extraction.options))


def save_as_lora(
    editing: Editing, out: Ref, rule: RankRule, targets: Targets, *, with_rest: bool = False
) -> LoraResult:
    """Write what an expression adds to its base as an adapter.

    Args:
        editing: The expression; ``base`` in it says nothing more, for an adapter is always added to its base.
        out: The folder to make.
        rule: How many directions of each matrix are kept.
        targets: Which tensors.
        with_rest: Write whole what no factors hold.

    Returns:
        What was written, and what it lost.
    """
    extraction = _extraction(editing, rule, targets, with_rest=with_rest)
    with one_run():
        plan_steps(extraction.extracting(out), extraction.options)  # before a merge is prepared
        with notes_beside(out) if editing.merges else nullcontext() as notes:
            editing.prepare(replace(editing.options, notes=notes))
            return replace(extraction.save(out), certificate=editing.certificate)


def _extraction(editing: Editing, rule: RankRule, targets: Targets, *, with_rest: bool) -> Extraction:
    load(editing.calls)
    record: Mapping[str, Any] = editing.output.record
    dtype = editing.output.dtype or DType.F32
    return Extraction(editing.edited.vector, rule, targets, dtype, editing.options, dict(record), with_rest)
