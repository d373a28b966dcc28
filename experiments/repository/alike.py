"""Do task vectors of similar tasks point the same way? Trees of cosines against families that are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from taskvec.reports import tree
from taskvec.reports.likeness import cosines

PERMUTATIONS = 500
REVISION = 1  # raise it when the meaning of this code changes

Matrix = NDArray[np.float64]
Found = dict[str, Any]


def measure(gram: Matrix, families: Mapping[str, Sequence[str]], seed: int) -> Found:
    """Cluster task vectors by direction, and compare with every known way to put the tasks into families.

    Args:
        gram: Inner products, `(T, T)`.
        families: Partition → the family of each task, `(T,)`.
        seed: Of the permutations.

    Returns:
        The tree's order, its own number of groups, and for each partition how well it is found.
    """
    cosine, found = cosines(gram), tree(gram)
    return {
        "cosine": cosine.tolist(),
        "order": list(found.order),
        "num_groups": len(set(found.groups)),
        "silhouette": found.silhouette,
        "partitions": {name: _agreement(cosine, labels, found.groups, seed) for name, labels in families.items()},
    }


def _agreement(cosine: Matrix, labels: Sequence[str], groups: Sequence[int], seed: int) -> Found:
    """How well one partition is found.

    Args:
        cosine: `(T, T)`.
        labels: The family of each task.
        groups: The library's own groups, cut where they stand apart most clearly.
        seed: Of the permutations.

    Returns:
        Adjusted Rand index of the library's groups and of a cut into as many groups as there are families; the 95th
        percentile of the latter under permuted labels; the share of nearest neighbours of the same family, and what
        chance gives; mean cosines within and between families.
    """
    truth = np.unique(labels, return_inverse=True)[1]
    cut = _cut(cosine, len(set(labels)))
    rng = np.random.default_rng(seed)
    permuted = [adjusted_rand_index(rng.permutation(truth), cut) for _ in range(PERMUTATIONS)]
    same = truth[:, None] == truth
    others = ~np.eye(len(truth), dtype=bool)
    nearest = np.where(others, cosine, -np.inf).argmax(axis=1)
    return {
        "own_cut": adjusted_rand_index(truth, np.array(groups)),
        "cut": adjusted_rand_index(truth, cut),
        "chance": float(np.quantile(permuted, 0.95)),
        "neighbour": float((truth[nearest] == truth).mean()),
        "neighbour_chance": float(same[others].mean()),
        "within": float(cosine[same & others].mean()),
        "between": float(cosine[~same].mean()),
    }


def adjusted_rand_index(first: NDArray[np.int_], second: NDArray[np.int_]) -> float:
    """Agreement of two partitions beyond chance (Hubert and Arabie 1985): 1 where they are the same, 0 by chance.

    Args:
        first: Group of each item, `(T,)`.
        second: The other partition, `(T,)`.
    """
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    together, rows, columns, everything = (
        float((counts * (counts - 1)).sum() / 2)
        for counts in (table, table.sum(axis=1), table.sum(axis=0), np.array([len(first)]))
    )
    chance, most = rows * columns / everything, (rows + columns) / 2
    return (together - chance) / (most - chance) if most > chance else 1.0


def _cut(cosine: Matrix, count: int) -> NDArray[np.int32]:
    apart = np.maximum(1.0 - cosine[np.triu_indices(len(cosine), 1)], 0.0)
    found: NDArray[np.int32] = hierarchy.fcluster(hierarchy.linkage(apart, "average"), t=count, criterion="maxclust")
    return found
