"""Likeness from inner products alone is what the vectors themselves say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from taskvec.reports.likeness import cosines, pairs, silhouette, tree

Matrix = NDArray[np.float64]


def vectors(count: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(size=(count, 40)) + 0.3


@given(st.integers(2, 12), st.integers(0, 99))
def test_pairs_are_those_of_the_vectors(count: int, seed: int) -> None:
    dense = vectors(count, seed)
    names = [f"task_{t}" for t in range(count)]
    found = pairs(names, dense @ dense.T)
    assert len(found) == count * (count - 1) // 2
    assert [pair.distance for pair in found] == sorted(pair.distance for pair in found)
    for pair in found:
        a, b = dense[names.index(pair.first)], dense[names.index(pair.second)]
        larger = max(np.linalg.norm(a), np.linalg.norm(b))
        assert pair.distance == pytest.approx(np.linalg.norm(a - b) / larger, rel=1e-9)
        assert pair.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9)


def test_a_zero_vector_has_no_cosine_and_breaks_nothing() -> None:
    dense = vectors(4)
    dense[2] = 0
    cosine = cosines(dense @ dense.T)
    assert np.isnan(cosine[2]).all()
    assert sorted(tree(dense @ dense.T).order) == [0, 1, 2, 3]


def planted(seed: int = 0) -> tuple[Matrix, list[int]]:
    rng = np.random.default_rng(seed)
    centres, labels = rng.normal(size=(3, 200)), [0, 1, 2, 0, 1, 2, 0, 1, 2, 2]
    return np.stack([centres[label] + 0.5 * rng.normal(size=200) for label in labels]), labels


def same_partition(one: tuple[int, ...], other: list[int]) -> bool:
    return all((one[i] == one[j]) == (other[i] == other[j]) for i in range(len(one)) for j in range(len(one)))


def test_groups_that_were_planted_are_found() -> None:
    dense, labels = planted()
    found = tree(dense @ dense.T)
    assert same_partition(found.groups, labels)
    assert found.silhouette > 0.5
    along = [found.groups[index] for index in found.order]
    assert along == sorted(along)


@given(st.permutations(range(10)))
def test_groups_do_not_depend_on_the_order_of_tasks(order: list[int]) -> None:
    dense, labels = planted()
    shuffled = dense[order]
    assert same_partition(tree(shuffled @ shuffled.T).groups, [labels[index] for index in order])


def test_one_near_duplicate_does_not_take_all_groups_for_itself() -> None:
    dense, labels = planted()
    dense = np.vstack([dense, dense[0] * (1 + 1e-6)])
    assert same_partition(tree(dense @ dense.T).groups, [*labels, labels[0]])


def silhouette_by_definition(apart: Matrix, labels: list[int]) -> float:
    scores = []
    for i, label in enumerate(labels):
        own = [apart[i, j] for j, other in enumerate(labels) if other == label and j != i]
        others = [
            np.mean([apart[i, j] for j, found in enumerate(labels) if found == other])
            for other in set(labels) - {label}
        ]
        if not own or not others:
            scores.append(0.0)
            continue
        a, b = np.mean(own), min(others)
        scores.append((b - a) / max(a, b))
    return float(np.mean(scores))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.integers(0, 99))
def test_the_silhouette_is_its_definition(labels: list[int], seed: int) -> None:
    dense = vectors(len(labels), seed)
    apart = 1 - cosines(dense @ dense.T)
    np.fill_diagonal(apart, 0)
    assert silhouette(apart, np.array(labels)) == pytest.approx(silhouette_by_definition(apart, labels), abs=1e-12)


def test_every_leaf_of_the_tree_stands_above_its_cell() -> None:
    dense, _ = planted()
    segments = tree(dense @ dense.T).segments
    feet = {round(x - 0.5, 9) for x, y, x2, y2 in segments for x, y in ((x, y), (x2, y2)) if y > 1 - 1e-12}
    assert feet == set(range(len(dense)))
