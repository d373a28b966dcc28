"""Does a basis that was built on some tasks serve others that came later, of sources it knows and of new ones?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from experiments.repository.stocked import Stock
from taskvec import compress
from taskvec.bases.collection import add_tasks
from taskvec.types import DType

NUM_MEMBERS, NUM_NEW = 40, 20
SOURCES_LEFT_OUT = 2
NUM_ATOMS = (20, 30)

REVISION = 1  # raise it when the meaning of this code changes
Method = Literal["spectral", "random"]
Found = dict[str, Any]


@dataclass(frozen=True)
class Division:
    """Tasks of three sorts.

    Attributes:
        members: The basis is built on these.
        known: New tasks whose source has members.
        foreign: New tasks of sources that have none.
    """

    members: tuple[str, ...]
    known: tuple[str, ...]
    foreign: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """One basis.

    Attributes:
        num_atoms: M.
        method: How atoms are made; `random` ones are the control.
        is_judged: Whether accuracies of projected vectors are measured.
    """

    num_atoms: int
    method: Method
    is_judged: bool


@dataclass(frozen=True)
class Served:
    """What a basis did for new tasks.

    Attributes:
        division: Which tasks were members.
        asked: The basis.
        error: Relative error of every member and new task.
        accuracy: Test accuracy of every projected vector alone; empty where it was not measured.
    """

    division: Division
    asked: Asked
    error: Mapping[str, float]
    accuracy: Mapping[str, float]


def requests(num_atoms: Sequence[int]) -> list[Asked]:
    """The bases of one division: accuracies are measured at the first number of atoms, which random ones also have."""
    made = [Asked(count, "spectral", is_judged=count == num_atoms[0]) for count in num_atoms]
    return [*made, Asked(num_atoms[0], "random", is_judged=False)]


def divide(sources: Mapping[str, str], seed: int, sizes: tuple[int, int] = (NUM_MEMBERS, NUM_NEW)) -> list[Division]:
    """Leave out every source in turn, two at a time, and draw members among the others.

    Args:
        sources: Task → source.
        seed: Of the draws.
        sizes: The most members, and the most new tasks of a sort.

    Returns:
        One division for each two sources.
    """
    rng = np.random.default_rng(seed)
    dealt = rng.permutation(sorted(set(sources.values()))).reshape(-1, SOURCES_LEFT_OUT)
    found = []
    for left_out in dealt.tolist():
        foreign = [name for name, source in sources.items() if source in left_out]
        others = rng.permutation([name for name, source in sources.items() if source not in left_out]).tolist()
        members, known = others[: sizes[0]], others[sizes[0] : sum(sizes)]
        found.append(Division(tuple(sorted(members)), tuple(sorted(known)), tuple(foreign[: sizes[1]])))
    return found


def measure(stock: Stock, division: Division, asked: Asked) -> Found:
    """Build a basis on the members and project the new tasks on its atoms.

    Args:
        stock: All fine-tunes of one seed.
        division: Which tasks are members.
        asked: The basis.

    Returns:
        The relative error of every task, and where asked for, test accuracies of the new ones.
    """
    newcomers = (*division.known, *division.foreign)
    with stock.store([*division.members, *newcomers]) as store:
        small = compress(
            store,
            "atoms",
            tasks=division.members,
            num_atoms=asked.num_atoms,
            method=asked.method,
            dtype=None if asked.method == "random" else DType.F32,
        )
        basis = add_tasks(small, newcomers)
        vectors = {name: basis.vectors[name] for name in newcomers} if asked.is_judged else {}
        return {"error": dict(basis.certificate.task_errors), "accuracy": stock.accuracies(vectors)}
