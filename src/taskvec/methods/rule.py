"""What a merge computes: coefficients of vectors, or a formula of parts of tensors; and what it must know before."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic

import numpy as np

from taskvec.methods.part import Array, Doubles, FoundT, Grain, OptionsT, Part, Stored
from taskvec.methods.statistic import Scope, Statistic, always, each_tensor, never


class Needs(StrEnum):
    """What must be known before the first element of a merge can be computed."""

    NOTHING = "nothing"
    TENSOR = "per-tensor statistics"
    MODEL = "global statistics"
    MATRICES = "whole matrices"

    @classmethod
    def of(cls, scopes: Collection[Scope]) -> Needs:
        """Return what measuring over some scopes needs."""
        return cls.MODEL if "model" in scopes else cls.TENSOR if scopes else cls.NOTHING


@dataclass(frozen=True)
class Combination(Generic[OptionsT]):
    """A merge Σ cₜ τₜ, or Σ cₜ θₜ of points, whose coefficients follow from inner products or from options alone.

    Attributes:
        coefficients: From the Gram matrix of what is merged ``(T, T)`` (None where none is asked for) and options to
            c, ``(T,)``.
        gram: Over what the inner products are taken; None where none are needed.
        points: Whether given options take whole models.
    """

    coefficients: Callable[[Any, OptionsT], Doubles]
    gram: Callable[[OptionsT], Scope] | None = each_tensor
    points: Callable[[OptionsT], bool] = never

    def needs(self, options: OptionsT) -> Needs:
        """Return what must be known before the first element, as given options have it."""
        return Needs.of(set() if self.gram is None else {self.gram(options)})

    def merge(self, part: Part[Any], options: OptionsT) -> Doubles:
        """Merge one whole tensor in memory.

        Args:
            part: The tensor.
            options: The options.

        Returns:
            The merged delta, ``(n,)``; of points, from the base.
        """
        base = part.base if self.points(options) else np.zeros_like(part.base)
        merged = part.rows + base
        result: Doubles = self.coefficients(merged @ merged.T if self.gram else None, options) @ merged - base
        return result


@dataclass(frozen=True)
class Fused(Generic[OptionsT, FoundT]):
    """A merge of elements in one kernel, which holds nothing of the size of the T vectors.

    A block of a tensor is merged from its begin, chunk by chunk.

    Attributes:
        begin: From what the statistics found in a tensor, and the index at which a block begins, to what is carried.
        merge: Writes what a formula's ``merge`` makes of stored elements and options, bit by bit, to an array ``(n,)``,
            float32; False if one is not finite.
        wanted: Whether it can do what the options ask for.
    """

    begin: Callable[[FoundT, int], Any]
    merge: Callable[[Stored[FoundT], OptionsT, Array], bool]
    wanted: Callable[[OptionsT], bool] = always


@dataclass(frozen=True)
class Formula(Generic[OptionsT, FoundT]):
    """A merge that is a function of aligned elements, of whole rows, or of a whole tensor.

    Attributes:
        merge: From a part and options to the merged delta, ``(n,)``.
        grain: How much of a tensor a part must hold.
        statistics: What is measured before, in this order; each may use what those before it found.
        fused: A faster way to the same, where there is one.
        calls: The kernels of its own, by the names that `taskvec.numerics.loading` knows.
        number_bytes: The most that it, or a statistic, makes at once of each of the T · n numbers of a part. With too
            small a number a run takes more memory than it was allowed, with too large a one it works in smaller chunks
            or refuses a limit that would have done; results are the same. Every row of the table of cases measures it.
    """

    merge: Callable[[Part[FoundT], OptionsT], Array]
    grain: Grain = Grain.ELEMENTS
    statistics: tuple[Statistic[OptionsT], ...] = ()
    fused: Fused[OptionsT, FoundT] | None = None
    calls: tuple[str, ...] = ()
    number_bytes: int = 24

    def needs(self, options: OptionsT) -> Needs:
        """Return what must be known before the first element, as given options have it."""
        if self.grain is Grain.TENSOR:
            return Needs.MATRICES
        return Needs.of({statistic.scope(options) for statistic in self.statistics if statistic.wanted(options)})


@dataclass(frozen=True)
class Either(Generic[OptionsT]):
    """One rule or another, as the options say, for all tensors alike.

    Attributes:
        asked: Whether the options ask for the first.
        first: The one.
        second: The other.
    """

    asked: Callable[[OptionsT], bool]
    first: Formula[OptionsT, Any]
    second: Combination[OptionsT]


Rule = Combination[Any] | Formula[Any, Any] | Either[Any]
