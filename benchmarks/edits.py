"""The edit that several questions measure: the base plus a scaled sum of all task vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.families import Family
from benchmarks.measuring import Contender
from benchmarks.setting import Setting, taskvec

SCALING = 0.3
NO_TIES = "TIES, density 0.2: skipped, the command line has no such method yet"


def edit_command(family: Family, out: Path) -> list[str | Path]:
    """``taskvec edit`` over checkpoints, without a store."""
    vectors: Sequence[str] = [word for ref in family.named_refs for word in ("--vector", ref)]
    return [taskvec(), "edit", "--base", family.base, *vectors, family.sum_expression(SCALING), "-o", out]


def edit(setting: Setting, family: Family, label: str) -> Contender:
    """The same as something to measure; what it wrote last stays in ``scratch/edited``."""
    out = setting.scratch / "edited"
    return Contender(label, [*edit_command(family, out), "-q"], lambda: _clear(setting, out))


def _clear(setting: Setting, out: Path) -> None:
    setting.fresh(out.name)
