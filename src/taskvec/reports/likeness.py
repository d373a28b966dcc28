"""Which task vectors are alike: an order in which neighbours are close, groups, and near-duplicates, from G alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.extra import clustering_library

Matrix = NDArray[np.float64]

NEAR = 0.1
"""Two vectors count as near-duplicates where their difference has at most this share of the larger norm."""

_MOST_GROUPS = 24
_MOST_REORDERED = 256  # leaves are put in the best order up to here: the time grows with the cube


@dataclass(frozen=True)
class Pair:
    """Two task vectors.

    Attributes:
        first: The one that comes first.
        second: The other.
        cosine: Between them; NaN beside a zero vector.
        distance: ‖a − b‖ / max(‖a‖, ‖b‖).
    """

    first: str
    second: str
    cosine: float
    distance: float


@dataclass(frozen=True)
class Tree:
    """Average linkage of 1 − cosine (Sokal and Michener 1958, by scipy), cut where its groups stand apart most clearly.

    That is where the mean silhouette (Rousseeuw 1987) is largest, among cuts into 2 to 24 groups.

    Attributes:
        order: The T indices, such that neighbours are alike.
        groups: Group of each vector in the given order, ``(T,)``; numbered along ``order``.
        silhouette: Mean silhouette of the groups, from −1 to 1; near 0 where they do not stand apart.
        segments: Lines of the dendrogram, ``(S, 4)``: place, cosine, place, cosine; leaf k stands at k + ½.
    """

    order: tuple[int, ...]
    groups: tuple[int, ...]
    silhouette: float
    segments: Matrix


def cosines(gram: Matrix) -> Matrix:
    """Return cosines from inner products, ``(T, T)``; NaN beside a zero vector."""
    norms = np.sqrt(np.maximum(np.diag(gram), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine: Matrix = np.clip(gram / np.outer(norms, norms), -1.0, 1.0)
    return cosine


def pairs(names: Sequence[str], gram: Matrix) -> list[Pair]:
    """Return all pairs, the nearest first.

    Args:
        names: The T names.
        gram: G, ``(T, T)``.

    Returns:
        T (T − 1) / 2 pairs.
    """
    squares, cosine = np.diag(gram), cosines(gram)
    first, second = np.triu_indices(len(names), 1)
    apart = np.sqrt(np.maximum(squares[first] + squares[second] - 2 * gram[first, second], 0.0))
    larger = np.sqrt(np.maximum(squares[first], squares[second]))
    distance = np.divide(apart, larger, out=np.zeros_like(apart), where=larger > 0)
    order = np.argsort(distance, kind="stable")
    return [
        Pair(names[i], names[j], float(cosine[i, j]), float(distance[k]))
        for k, i, j in zip(order, first[order], second[order], strict=True)
    ]


def tree(gram: Matrix) -> Tree:
    """Cluster task vectors by their directions.

    Args:
        gram: G, ``(T, T)``.

    Returns:
        The tree; a zero vector counts as orthogonal to all.
    """
    if len(gram) < 2:
        return Tree(tuple(range(len(gram))), (0,) * len(gram), 0.0, np.empty((0, 4)))
    hierarchy = clustering_library()
    apart = 1.0 - np.nan_to_num(cosines(gram))
    np.fill_diagonal(apart, 0.0)
    condensed = apart[np.triu_indices(len(gram), 1)]
    linkage = hierarchy.linkage(np.maximum(condensed, 0.0), method="average")
    if len(gram) <= _MOST_REORDERED:
        linkage = hierarchy.optimal_leaf_ordering(linkage, condensed)
    drawn = hierarchy.dendrogram(linkage, no_plot=True)
    order = tuple(drawn["leaves"])
    cuts = range(2, min(max(len(gram) // 2, 2), _MOST_GROUPS) + 1)
    labels = [hierarchy.fcluster(linkage, t=count, criterion="maxclust") for count in cuts]
    scores = [silhouette(apart, found) for found in labels]
    best = int(np.argmax(scores))
    return Tree(order, _numbered(labels[best], order), scores[best], _segments(drawn))


def silhouette(apart: Matrix, labels: NDArray[np.int32]) -> float:
    """Return the mean of (b − a) / max(a, b): a to the own group, b to the nearest other one; 0 for a vector alone.

    Args:
        apart: Distances, ``(T, T)``, with zeros on the diagonal.
        labels: Group of each vector, ``(T,)``.

    Returns:
        From −1 to 1; 0 where all are one group.
    """
    groups = np.unique(labels)
    if len(groups) < 2:
        return 0.0
    member = labels[:, None] == groups  # (T, K)
    counts = member.sum(axis=0)
    sums = apart @ member
    own = sums[member] / np.maximum(counts[member.argmax(axis=1)] - 1, 1)
    other = np.where(member, np.inf, sums / counts).min(axis=1)
    larger = np.maximum(own, other)
    scores = np.divide(other - own, larger, out=np.zeros_like(own), where=larger > 0)
    return float(np.where(counts[member.argmax(axis=1)] > 1, scores, 0.0).mean())


def _numbered(labels: NDArray[np.int32], order: Sequence[int]) -> tuple[int, ...]:
    number = {label: k for k, label in enumerate(dict.fromkeys(labels[list(order)].tolist()))}
    return tuple(number[label] for label in labels.tolist())


def _segments(drawn: dict[str, list[list[float]]]) -> Matrix:
    """Take apart the brackets that scipy makes, whose leaf k stands at 10 k + 5."""
    found = []
    for places, heights in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        corners = [(place / 10, 1.0 - height) for place, height in zip(places, heights, strict=True)]
        found += [(*start, *end) for start, end in pairwise(corners)]
    return np.array(found, np.float64).reshape(-1, 4)
