"""What tasks share: energy by layer and task, and the angles of what was found, once they were decomposed."""

from __future__ import annotations

from collections.abc import Iterator

from taskvec.components.decomposition import Decomposition
from taskvec.linalg.groups import Grouping
from taskvec.linalg.subspaces.nested import ROOT
from taskvec.reports.charts import Chart, angles_chart, shared_chart
from taskvec.reports.page import Block, Figure, Numbers, Section, Words
from taskvec.reports.store.facts import StoreFacts
from taskvec.results import Column, Table

_MOST_ANGLES = 4000


def shared(facts: StoreFacts) -> Section:
    """Lay out the section."""
    blocks = [block for split in facts.decompositions for block in _blocks(split)]
    missing = Words(
        "Nothing was decomposed yet: taskvec decompose splits what tasks share from what is each one's own."
    )
    return Section("shared", "What tasks share", tuple(blocks) or (missing,))


def _blocks(split: Decomposition) -> Iterator[Block]:
    count = len(split.document.matrices)
    yield Words(
        f"{len(split.tasks)} tasks ({', '.join(split.tasks)}): {split.shared_dimensions:,} shared dimensions in "
        f"{count:,} matrices, on the {split.document.side} side."
    )
    yield from (Words(note, "note") for note in split.notes)
    yield Figure(_energy(split), "Grey: a layer that a task did not change.")
    yield from _angles(split)
    yield Numbers(_tasks(split))


def _energy(split: Decomposition) -> Chart:
    layers, shares = split.shared_energy_by_layer()
    return shared_chart(layers, split.tasks, shares)


def _angles(split: Decomposition) -> Iterator[Block]:
    matrices = [matrix for matrix in split.document.matrices if matrix.groups.get(ROOT)]
    found = [
        (Grouping.LAYER.group_of(matrix.name), matrix.name, angle)
        for matrix in matrices
        for angle in matrix.groups[ROOT].angles
    ]
    if found:
        layers, _ = split.shared_energy_by_layer()
        caption = "A tick for each shared direction: 0° lies in the spaces of all tasks."
        if len(found) > _MOST_ANGLES:
            step = -(-len(found) // _MOST_ANGLES)
            found, caption = found[::step], f"{caption} One in {step} is drawn."
        yield Figure(angles_chart(layers, found, "Principal angles"), caption)


def _tasks(split: Decomposition) -> Table:
    columns = (
        Column(name="task"),
        Column(name="shared norm", unit="number"),
        Column(name="unique norm", unit="number"),
        Column(name="shared energy", unit="fraction", meaning="‖shared‖² / ‖τ‖²"),
    )
    known = split.to_json()["tasks"].items()
    rows = tuple((task, found["shared_norm"], found["unique_norm"], found["shared_energy"]) for task, found in known)
    return Table(title="Shared and unique components", columns=columns, rows=rows)
