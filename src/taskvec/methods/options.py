"""The options that many methods share, each declared once; a method's own class adds what it alone has.

A class of options holds what is meant for *one* tensor: plain numbers, and a tuple of T where each vector has its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.parameter import Options, Unset, count, flag, number, word

SEMANTICS = ("paper", "mergekit")


@dataclass(frozen=True)
class MergeOptions(Options):
    """What every method takes."""

    semantics: str = word("paper", "whose definition counts where mergekit's differs", choices=SEMANTICS)

    @property
    def is_mergekit(self) -> bool:
        """Whether mergekit's definition counts."""
        return self.semantics == "mergekit"


@dataclass(frozen=True)
class Scaled(MergeOptions):
    """What is multiplied by λ at the end."""

    scaling: float = number(1.0, "λ, by which the merged task vector is multiplied", alias="lambda")


@dataclass(frozen=True)
class Weighted(Scaled):
    """Weighted task vectors."""

    weight: tuple[float, ...] = number(1.0, "the weight of each task vector", per_vector=True, mergekit=Unset.REQUIRED)


@dataclass(frozen=True)
class Seeded(MergeOptions):
    """Random masks."""

    seed: int = count(0, "the key of the random masks")


def normalize_flag(default: bool, mergekit: bool | Unset = Unset.SAME) -> bool:
    """Declare whether a weighted sum is divided by its weights."""
    chosen: bool = flag(default, "divide by the sum of the weights that take part", mergekit=mergekit)
    return chosen
