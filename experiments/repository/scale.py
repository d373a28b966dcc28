"""How much is done: all of it, or the subset of `FAST=1`."""

from __future__ import annotations

from dataclasses import dataclass

from demo.splits import Sizes

from experiments.repository import growth, learning, newcomers
from experiments.repository.tasks import FIELDS, KINDS, REPOSITORY, RepositoryTask
from taskvec.training import Recipe


@dataclass(frozen=True)
class Scale:
    """How much is done.

    Attributes:
        tasks: Which tasks are learned.
        pictures: The most pictures a source has in each part.
        base: How the base learns.
        task: How a task is learned.
        sizes: Numbers of task vectors T that are kept together.
        judged: Numbers of atoms that all task vectors are recovered from and tried.
        division: The most members of a basis, and the most new tasks of a sort.
        num_atoms: Of bases that new tasks are projected on; accuracies are measured for the first.
    """

    tasks: tuple[RepositoryTask, ...]
    pictures: Sizes
    base: Recipe
    task: Recipe
    sizes: tuple[int, ...]
    judged: tuple[int, ...]
    division: tuple[int, int]
    num_atoms: tuple[int, ...]


FULL = Scale(
    tasks=REPOSITORY,
    pictures=Sizes(train=1200, val=200, test=400),
    base=learning.BASE,
    task=learning.TASK,
    sizes=growth.SIZES,
    judged=(20, 40, 60),
    division=(newcomers.NUM_MEMBERS, newcomers.NUM_NEW),
    num_atoms=newcomers.NUM_ATOMS,
)

_FEW_SOURCES = tuple(FIELDS)[::2]
_FEW_KINDS = KINDS[::2]

FAST = Scale(
    tasks=tuple(task for task in REPOSITORY if task.source in _FEW_SOURCES and task.kind in _FEW_KINDS),
    pictures=FULL.pictures,
    base=FULL.base,
    task=FULL.task,
    sizes=(5, 10, 20),
    judged=(5, 10),
    division=(8, 2),
    num_atoms=(4, 6),
)
"""Twenty tasks: four sources, five kinds."""
