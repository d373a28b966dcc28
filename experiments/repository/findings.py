"""What was measured; a list has one entry a seed."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.repository import alike, growth
from experiments.repository.newcomers import Served
from taskvec.results import Input


@dataclass
class Findings:
    """Everything that was measured.

    Attributes:
        tasks: Names of all tasks.
        likeness: How families are found, by seed.
        growth: For every number of task vectors, by seed.
        whole: `base` and `finetuned` → task → test accuracy, by seed.
        recovered: For every number of atoms, by seed.
        served: New tasks on bases of others, by seed.
        inputs: What it depends on.
    """

    tasks: tuple[str, ...]
    likeness: list[alike.Found] = field(default_factory=list)
    growth: list[list[growth.Found]] = field(default_factory=list)
    whole: list[dict[str, dict[str, float]]] = field(default_factory=list)
    recovered: list[list[growth.Found]] = field(default_factory=list)
    served: list[list[Served]] = field(default_factory=list)
    inputs: tuple[Input, ...] = ()
