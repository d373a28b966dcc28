"""What a method may ask to be measured of every tensor before its first element is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, Literal

import numpy as np
from numpy.typing import NDArray

from taskvec.methods.part import Array, Doubles, OptionsT, Part
from taskvec.numerics.consensus import keep_above
from taskvec.numerics.trimming import ALL

Scope = Literal["tensor", "model"]


def each_tensor(options: Any) -> Scope:  # noqa: ARG001
    """Say that every tensor is measured for itself."""
    return "tensor"


def whole_model(options: Any) -> Scope:  # noqa: ARG001
    """Say that the model is measured as one vector."""
    return "model"


def always(options: Any) -> bool:  # noqa: ARG001
    """Say yes, whatever the options."""
    return True


def never(options: Any) -> bool:  # noqa: ARG001
    """Say no, whatever the options."""
    return False


def magnitudes(part: Part[Any], options: Any) -> Array:  # noqa: ARG001
    """Return |τ|, which most cuts are made by."""
    return np.abs(part.rows)


@dataclass(frozen=True)
class Sums(Generic[OptionsT]):
    """Sums over elements, in float64; a part's ``found`` then holds them, ``(K,)``.

    Attributes:
        terms: From a part and options to what is added up, ``(K, n)``.
        scope: Whether of each tensor, or of the model.
        wanted: Whether the options need them; None is found where they do not.
    """

    terms: Callable[[Part[Any], OptionsT], Array]
    scope: Callable[[OptionsT], Scope] = each_tensor
    wanted: Callable[[OptionsT], bool] = always

    def of(self, part: Part[Any], options: OptionsT) -> Doubles:
        """Return the sums of a whole tensor in memory."""
        sums: Doubles = np.asarray(self.terms(part, options), np.float64).sum(axis=1)
        return sums


@dataclass(frozen=True)
class Ties:
    """What is known of scores equal to thresholds before anybody looks where they are.

    Attributes:
        blocks: Where the block of the tensor begins that the last one above the cut is in, ``(C, R)``.
        inside: How many of that block are above, ``(C, R)``; 0 where all of the tensor are.
    """

    blocks: NDArray[np.int64]
    inside: NDArray[np.int64]

    def left(self, cut: int, first: int) -> NDArray[np.int64]:
        """Return how many equal scores of a block are above a cut, of the first in it, ``(R,)``; ``ALL`` for all."""
        blocks, inside = self.blocks[cut], self.inside[cut]
        some = np.where(blocks == first, inside, np.where(blocks > first, ALL, 0))
        return np.where(inside == 0, ALL, some)


@dataclass(frozen=True)
class Cut:
    """Where R rows of scores are cut C times: above are larger scores, and equal ones at lower indices.

    Attributes:
        thresholds: The least score above each cut, ``(C, R)``.
        look: Looks for ``ends``.
        ties: What is known without looking.
    """

    thresholds: Array
    look: Callable[[], NDArray[np.int64]] = field(repr=False)
    ties: Ties | None = None

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """One past the last index at which a score equal to the threshold is above, ``(C, R)``."""
        return self.look()

    def above(self, cut: int, scores: Array, first: int) -> NDArray[np.bool_]:
        """Return what is above a cut.

        Args:
            cut: Which cut.
            scores: ``(R, n)``.
            first: Index in the tensor of the first.

        Returns:
            A mask ``(R, n)``.
        """
        index = np.arange(first, first + scores.shape[1])
        least, end = self.thresholds[cut][:, None], self.ends[cut][:, None]
        mask: NDArray[np.bool_] = (scores > least) | ((scores == least) & (index < end))
        return mask

    def keep_above(self, cut: int, rows: Array, first: int) -> Array:
        """Return rows with all but the elements whose magnitude is above a cut set to 0.

        Args:
            cut: Which cut, one that was made by magnitude.
            rows: ``(R, n)``.
            first: Index in the tensor of the first.

        Returns:
            The trimmed rows.
        """
        trimmed = np.empty_like(rows)
        keep_above(rows, self.thresholds[cut].astype(rows.dtype), self.ends[cut], first, trimmed)
        return trimmed


@dataclass(frozen=True)
class Cuts(Generic[OptionsT]):
    """Order statistics: cuts with exactly so many scores above; a part's ``found`` then holds a :class:`Cut`.

    Attributes:
        kept: From the number of elements n, options and what was found before to how many are above, ``(C, R)``.
        scores: From a part and options to what is ranked, not negative ``(R, n)``.
        scope: Whether each tensor is cut for itself, or the model as one vector.
        wanted: Whether the options need them; None is found where they do not.
        number: C.
    """

    kept: Callable[[int, OptionsT, Any], Array]
    scores: Callable[[Part[Any], OptionsT], Array] = magnitudes
    scope: Callable[[OptionsT], Scope] = each_tensor
    wanted: Callable[[OptionsT], bool] = always
    number: int = 1

    def of(self, part: Part[Any], options: OptionsT) -> Cut:
        """Return the cuts of a whole tensor in memory."""
        scores = self.scores(part, options)
        kept = np.atleast_2d(self.kept(scores.shape[1], options, part.found))
        order = np.argsort(-scores, axis=1, kind="stable")
        last = np.maximum(kept - 1, 0)
        thresholds, ends = np.full(kept.shape, np.inf), np.zeros(kept.shape, np.int64)
        for c, r in zip(*np.nonzero(kept), strict=True):
            place = order[r, last[c, r]]
            thresholds[c, r], ends[c, r] = scores[r, place], place + 1
        return Cut(thresholds, lambda: ends)


Statistic = Sums[OptionsT] | Cuts[OptionsT]
