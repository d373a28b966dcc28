"""Means over seeds with their spread, and the few numbers that both the words and the tables need."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from experiments.repository.findings import Findings
from experiments.repository.newcomers import Asked, Served


@dataclass(frozen=True)
class Sort:
    """What one basis did for one sort of tasks, a value a seed.

    Attributes:
        error: Relative error of a task's vector, the mean over tasks.
        accuracy: Mean accuracy of projected vectors; none where it was not measured.
        base: Mean accuracy of the base on the same tasks.
        finetuned: Of the fine-tunes.
    """

    error: list[float]
    accuracy: list[float]
    base: list[float]
    finetuned: list[float]

    @property
    def kept(self) -> list[float]:
        """The share of the gain over the base that projected vectors keep."""
        gains = zip(self.accuracy, self.base, self.finetuned, strict=True)
        return [(accuracy - base) / (finetuned - base) for accuracy, base, finetuned in gains]


def of_sort(found: Findings, asked: Asked, sort: str) -> Sort:
    """Average over the divisions of every seed.

    Args:
        found: What was measured.
        asked: The basis.
        sort: `members`, `known` or `foreign`.
    """
    errors, accuracies, bases, finetuned = [], [], [], []
    for whole, served in zip(found.whole, found.served, strict=True):
        mine = [each for each in served if each.asked == asked]
        names = [(each, name) for each in mine for name in getattr(each.division, sort)]
        errors.append(fmean(each.error[name] for each, name in names))
        if asked.is_judged and sort != "members":
            accuracies.append(fmean(each.accuracy[name] for each, name in names))
            bases.append(fmean(whole["base"][name] for _, name in names))
            finetuned.append(fmean(whole["finetuned"][name] for _, name in names))
    return Sort(errors, accuracies, bases, finetuned)


def asked_of(found: Findings) -> list[Asked]:
    """Every basis that new tasks were projected on."""
    seen: list[Served] = found.served[0]
    return list(dict.fromkeys(each.asked for each in seen))


def accuracy_of(found: Findings, model: str) -> list[float]:
    """Mean accuracy of `base` or `finetuned` over all tasks, by seed."""
    return [fmean(whole[model].values()) for whole in found.whole]


def recovered_accuracy(found: Findings, index: int) -> list[float]:
    """Mean accuracy of all vectors as recovered from one number of atoms, by seed."""
    return [fmean(recovered[index]["accuracy"].values()) for recovered in found.recovered]


def kept_gain(found: Findings, index: int) -> list[float]:
    """The share of the fine-tunes' gain over the base that recovery from one number of atoms keeps, by seed."""
    base, finetuned = accuracy_of(found, "base"), accuracy_of(found, "finetuned")
    recovered = recovered_accuracy(found, index)
    return [(r - b) / (f - b) for r, b, f in zip(recovered, base, finetuned, strict=True)]
