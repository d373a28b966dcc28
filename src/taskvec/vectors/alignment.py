"""Strict accounting: every tensor of every input is combined, copied, covered by a named rule, or an error."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from taskvec.checkpoints import Checkpoint, zeros_like
from taskvec.checkpoints.model_layouts import difference
from taskvec.errors import AlignmentError
from taskvec.streaming import AlignedTensor, Located
from taskvec.types import DType, TensorInfo
from taskvec.vectors.counterparts import Counterparts, split_names
from taskvec.vectors.forms import Form


class Rule(StrEnum):
    """Named rules that allow what is otherwise an error; what a rule did is recorded in the output.

    ``missing``: a tensor that a fine-tuned model lacks counts as unchanged.
    ``extra``: a tensor that only a fine-tuned model has is left out.
    ``integers``: where integer tensors differ, the base's are kept.
    ``non-finite``: NaN and infinity are let through.

    These are used unasked, for nothing is lost by them:

    ``prefix``: names that differ by a prefix (``model.``, ``module.``) or a wrapper (``_orig_mod.``) are the same.
    ``tied``: a tensor that one model has twice with equal values, and the other once, is one tensor.
    ``buffers``: tensors that are computed from the configuration are left out, or kept as in the base.
    ``training``: states of optimizers and schedulers beside the weights are left out.
    """

    MISSING = "missing"
    EXTRA = "extra"
    INTEGERS = "integers"
    NON_FINITE = "non-finite"
    PREFIX = "prefix"
    TIED = "tied"
    BUFFERS = "buffers"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class RuleUse:
    """What a rule did: the tensors of one input that it covered."""

    rule: Rule
    source: str
    tensors: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"rule": self.rule, "source": self.source, "tensors": list(self.tensors)}


@dataclass(frozen=True, slots=True)
class Alignment:
    """Every tensor of the base beside its counterparts, and the rules that were needed.

    Attributes:
        tensors: In the base's order.
        uses: The rules that covered something.
    """

    tensors: tuple[AlignedTensor, ...]
    uses: tuple[RuleUse, ...] = ()

    @property
    def combinable(self) -> tuple[AlignedTensor, ...]:
        """The tensors that arithmetic applies to."""
        return tuple(tensor for tensor in self.tensors if tensor.is_combinable)

    def with_output(self, dtype: DType | None) -> Alignment:
        """Say in which dtype the combinable tensors are written: the given one, or each in the base's own."""
        return replace(self, tensors=tuple(_with_output(tensor, dtype) for tensor in self.tensors))


def align(base: Checkpoint, forms: Sequence[Form], allow: Collection[Rule] = ()) -> Alignment:
    """Put the tensors of several forms beside those of their base.

    Args:
        base: The base model, whose names, order and shapes lead.
        forms: The S forms.
        allow: The rules that may cover a mismatch.

    Returns:
        The alignment; ``tensors[i].sources[s]`` is tensor i of form s.

    Raises:
        AlignmentError: If a tensor is missing, extra, re-shaped or of a dtype that cannot be combined with the base's.
    """
    columns, uses = [], []
    for form in forms:
        column, used = _align_one(base, form, frozenset(allow))
        columns.append(column)
        uses.extend(used)
    rows = zip(*columns, strict=True) if columns else (() for _ in base.tensors)
    aligned = [
        AlignedTensor(info.name, info.shape, Located(base, info), tuple(row))
        for info, row in zip(base.tensors.values(), rows, strict=True)
    ]
    return Alignment(tuple(aligned), tuple(uses))


def describe_changed_copy(located: Located, name: str) -> str:
    """Say that a tensor which is only ever copied differs from the base's."""
    dtype = located.info.dtype
    return (
        f"tensor {name}: its {dtype} values in {located.checkpoint.ref} differ from the base's, and {dtype} is copied, "
        f"never combined: make them equal, or pass --allow {Rule.INTEGERS}"
    )


def _align_one(base: Checkpoint, form: Form, allow: frozenset[Rule]) -> tuple[list[Located], list[RuleUse]]:
    checkpoint = form.source.checkpoint
    absent = zeros_like(base.tensors.values()) if form.is_partial else base
    counterparts = Counterparts(base, checkpoint)
    column: list[Located] = []
    covered: dict[Rule, list[str]] = {Rule.PREFIX: [], Rule.TIED: []}
    missing: list[TensorInfo] = []
    for info in base.tensors.values():
        found = counterparts.of(info)
        if found is None and form.is_centered and (found := counterparts.tied_copy(info)):
            covered[Rule.TIED].append(info.name)
        if found is None:
            missing.append(info)
            column.append(Located(absent if info.dtype.is_combinable else base, info))
            continue
        _check_same(base, info, checkpoint, found)
        column.append(Located(checkpoint, found))
        if counterparts.is_prefixed(info, found):
            covered[Rule.PREFIX].append(info.name)
    used = {located.info.name for located in column if located.checkpoint is checkpoint}
    extra = [info for name, info in checkpoint.tensors.items() if name not in used]
    if not form.is_centered:  # a stored delta has no integer tensors, and no rule can make up for the others
        missing = [info for info in missing if info.dtype.is_combinable and not form.is_partial]
    rules = allow if form.is_centered else None
    uses = [RuleUse(rule, checkpoint.ref, tuple(names)) for rule, names in covered.items() if names]
    return column, [*uses, *_cover_mismatches(counterparts, missing, extra, rules)]


def _cover_mismatches(
    counterparts: Counterparts,
    missing: Sequence[TensorInfo],
    extra: Sequence[TensorInfo],
    allow: frozenset[Rule] | None,
) -> list[RuleUse]:
    """Cover what has no counterpart by rules: first those that are always used, then those that are allowed."""
    base, checkpoint = counterparts.base, counterparts.checkpoint
    kept_buffers, _, missing_names = split_names(missing)
    buffers, states, extra_names = split_names(extra)
    copies = [name for name in extra_names if counterparts.is_equal_copy(name)]
    extra_names = [name for name in extra_names if name not in copies]
    unasked = {Rule.BUFFERS: [*kept_buffers, *buffers], Rule.TRAINING: states, Rule.TIED: copies}
    absence = f"is in the base {base.ref} and missing from {checkpoint.ref}"
    if missing_names:
        absence += _layout_hint(base, checkpoint)
    return [
        *(RuleUse(rule, checkpoint.ref, tuple(names)) for rule, names in unasked.items() if names),
        *_cover(Rule.MISSING, missing_names, allow, absence, checkpoint),
        *_cover(Rule.EXTRA, extra_names, allow, _describe_extra(base, checkpoint, extra_names), checkpoint),
    ]


def _layout_hint(base: Checkpoint, checkpoint: Checkpoint) -> str:
    """Say so where two models are laid out differently, and what to do."""
    found = difference(base.tensors, checkpoint.tensors)
    if found is None:
        return ""
    return f" ({base.ref} is in {found[0].name}, {checkpoint.ref} in {found[1].name}: {found[1].remedy})"


def _describe_extra(base: Checkpoint, checkpoint: Checkpoint, extra: Sequence[str]) -> str:
    kept = base.tied.get(extra[0]) if extra else None
    if kept is not None:
        return f"has weights of its own in {checkpoint.ref} and is tied to {kept} in the base {base.ref}"
    return f"is in {checkpoint.ref} and not in the base {base.ref}"


def _check_same(base: Checkpoint, info: TensorInfo, checkpoint: Checkpoint, found: TensorInfo) -> None:
    if info.shape != found.shape:
        raise AlignmentError(
            f"tensor {info.name}: shape {list(found.shape)} in {checkpoint.ref} does not match {list(info.shape)} "
            f"in the base {base.ref}: this is a fine-tune of another model or vocabulary"
        )
    if info.dtype != found.dtype and not (info.dtype.is_combinable and found.dtype.is_combinable):
        raise AlignmentError(
            f"tensor {info.name}: dtype {found.dtype} in {checkpoint.ref} cannot be combined with {info.dtype} in "
            f"the base {base.ref}: convert one of them"
        )


def _cover(
    rule: Rule, names: list[str], allow: frozenset[Rule] | None, problem: str, checkpoint: Checkpoint
) -> list[RuleUse]:
    """Cover tensors by a rule.

    Raises:
        AlignmentError: If it is not allowed, or none can be: None where the checkpoint is itself a difference.
    """
    if not names:
        return []
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    if allow is None:
        raise AlignmentError(
            f"tensor {names[0]} {problem}{more}: this is a difference from another base: take it with its own"
        )
    if rule not in allow:
        raise AlignmentError(f"tensor {names[0]} {problem}{more}: fix the checkpoint, or pass --allow {rule}")
    return [RuleUse(rule, checkpoint.ref, tuple(names))]


def _with_output(tensor: AlignedTensor, dtype: DType | None) -> AlignedTensor:
    own = tensor.located[0].info.dtype
    return replace(tensor, output_dtype=(dtype or own) if tensor.is_combinable else own)
