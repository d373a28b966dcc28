from __future__ import annotations

import numpy as np
import pytest

from planted import distance, orthonormal
from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.nested import path_of, share_in_tree, task_tree
from taskvec.linalg.subspaces.subspaces import SubspaceRule

TASKS = ("a", "b", "c", "d")


def test_what_a_group_shares_is_found_beside_what_all_share() -> None:
    space = orthonormal(np.random.default_rng(0), 80, 20)
    everyone, pair = space[:, :2], space[:, 2:5]
    own = {task: space[:, 5 + 3 * i : 8 + 3 * i] for i, task in enumerate(TASKS)}
    bases = {task: np.concatenate([everyone, *([pair] if task in "ab" else []), own[task]], axis=1) for task in TASKS}
    tree = task_tree(TASKS, {"first": ["b", "a"]})
    shared = share_in_tree(bases, tree, SubspaceRule("mean", 0.9), 80)
    assert distance(shared["all"].directions.vectors, everyone) < 1e-6
    assert distance(shared["first"].directions.vectors, pair) < 1e-6


def test_subspaces_on_a_path_are_orthogonal_at_any_noise() -> None:
    rng = np.random.default_rng(1)
    core = orthonormal(rng, 80, 6)
    bases = {
        t: np.linalg.qr(np.concatenate([core, np.zeros((80, 6))], 1) + 0.08 * rng.standard_normal((80, 12)))[0]
        for t in TASKS
    }
    tree = task_tree(TASKS, {"three": ["a", "b", "c"], "two": ["a", "b"]})
    assert [group.name for group in path_of("a", tree)] == ["all", "three", "two"]
    assert [group.name for group in path_of("d", tree)] == ["all"]
    shared = share_in_tree(bases, tree, SubspaceRule("mean", 0.6), 80)
    path = np.concatenate([shared[group.name].directions.vectors for group in path_of("a", tree)], axis=1)
    assert path.shape[1] > 6
    np.testing.assert_allclose(path.T @ path, np.eye(path.shape[1]), atol=1e-7)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"g": ["a", "e"]}, "'e' is not among"),
        ({"g": ["a"]}, "at least two"),
        ({"g": ["a", "a"]}, "at least two"),
        ({"g": list(TASKS)}, "not all of them"),
        ({"all": ["a", "b"]}, "another name"),
        ({"g": ["a", "b"], "h": ["b", "c"]}, "'g' and 'h' cut across"),
        ({"g": ["a", "b"], "h": ["b", "a"]}, "cut across"),
    ],
)
def test_groups_that_make_no_tree_are_refused(groups: dict[str, list[str]], said: str) -> None:
    with pytest.raises(DecompositionError, match=said):
        task_tree(TASKS, groups)
