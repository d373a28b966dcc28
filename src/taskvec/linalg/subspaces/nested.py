"""A tree of shared subspaces: what all tasks share, then what each group shares beyond that.

Groups are nested or disjoint. What a group shares is looked for in what is left of its members' subspaces when
everything that its supergroups share is taken out; therefore the subspaces of a task's groups are orthogonal, and the
energies add up. The paper knows one group, of all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.remaining import remaining
from taskvec.linalg.subspaces.subspaces import Shared, SubspaceRule

Matrix = NDArray[np.float64]

ROOT = "all"
"""The group of all tasks."""


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Tasks that may share something among themselves.

    Attributes:
        name: Its name.
        tasks: Its members.
    """

    name: str
    tasks: tuple[str, ...]


def task_tree(tasks: Sequence[str], groups: Mapping[str, Sequence[str]]) -> tuple[TaskGroup, ...]:
    """Put groups in order: all tasks first, every group after those that contain it.

    Args:
        tasks: All tasks.
        groups: Name → members.

    Returns:
        The tree.

    Raises:
        DecompositionError: If a group names another task, has less than two members, or cuts across another.
    """
    for name, members in groups.items():
        unknown = sorted(set(members) - set(tasks))
        if unknown:
            raise DecompositionError(f"group {name!r}: {unknown[0]!r} is not among the tasks ({', '.join(tasks)})")
        if not 2 <= len(set(members)) < len(tasks) or name == ROOT:
            raise DecompositionError(
                f"group {name!r} of {len(set(members))} tasks: give it another name than {ROOT!r}, at least two tasks, "
                "and not all of them"
            )
    _check_laminar(groups)
    ordered = sorted(groups.items(), key=lambda item: -len(set(item[1])))
    named = [TaskGroup(name, tuple(task for task in tasks if task in members)) for name, members in ordered]
    return (TaskGroup(ROOT, tuple(tasks)), *named)


def share_in_tree(
    bases: Mapping[str, Matrix], tree: Sequence[TaskGroup], rule: SubspaceRule, dimension: int
) -> Mapping[str, Shared]:
    """Find the shared subspace of every group.

    Args:
        bases: Task → orthonormal basis, ``(d, r)``.
        tree: From :func:`task_tree`.
        rule: How sharing is found.
        dimension: d.

    Returns:
        Group → its subspace, orthogonal to those of the groups that contain it.
    """
    found: dict[str, Shared] = {}
    for group in tree:
        above = [found[other.name].directions.vectors for other in _containing(tree, group)]
        taken = np.concatenate([np.zeros((dimension, 0)), *above], axis=1)
        left = [remaining(bases[task], taken) for task in group.tasks]
        found[group.name] = rule.share(left, dimension - taken.shape[1])
    return found


def path_of(task: str, tree: Sequence[TaskGroup]) -> tuple[TaskGroup, ...]:
    """Return the groups that a task belongs to, the largest first."""
    return tuple(group for group in tree if task in group.tasks)


def _containing(tree: Sequence[TaskGroup], group: TaskGroup) -> list[TaskGroup]:
    return [other for other in tree if other is not group and set(other.tasks) > set(group.tasks)]


def _check_laminar(groups: Mapping[str, Sequence[str]]) -> None:
    """Refuse groups that cut across each other.

    Raises:
        DecompositionError: If two do.
    """
    named = [(name, frozenset(members)) for name, members in groups.items()]
    for i, (name, members) in enumerate(named):
        for other, others in named[:i]:
            if members == others or (members & others and not (members < others or others < members)):
                raise DecompositionError(
                    f"groups {other!r} and {name!r} cut across each other: make one part of the other, or disjoint"
                )
