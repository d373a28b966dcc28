"""The edits that several questions measure: the base plus a scaled sum, or TIES merge, of all task vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.families import Family
from benchmarks.measuring import Contender
from benchmarks.setting import Setting, taskvec

SCALING = 0.3
DENSITY = 0.2


def edit_command(family: Family, out: Path, expression: str | None = None) -> list[str | Path]:
    """``taskvec edit`` over checkpoints, without a store; the scaled sum if no expression is given."""
    vectors: Sequence[str] = [word for ref in family.named_refs for word in ("--vector", ref)]
    words = expression or family.sum_expression(SCALING)
    return [taskvec(), "edit", "--base", family.base, *vectors, words, "-o", out]


def edit(setting: Setting, family: Family, label: str) -> Contender:
    """The same as something to measure; what it wrote last stays in ``scratch/edited``."""
    out = setting.scratch / "edited"
    return Contender(label, [*edit_command(family, out), "-q"], lambda: _clear(setting, out))


def ties(setting: Setting, family: Family, label: str) -> Contender:
    """A TIES merge as something to measure; what it wrote last stays in ``scratch/ties``."""
    out = setting.scratch / "ties"
    command = edit_command(family, out, family.ties_expression(SCALING, DENSITY))
    return Contender(label, [*command, "-q"], lambda: _clear(setting, out))


def _clear(setting: Setting, out: Path) -> None:
    setting.fresh(out.name)
