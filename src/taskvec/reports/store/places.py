"""Where tasks changed the model: norms by layer and by kind of tensor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from taskvec.components.decomposition import by_numbers
from taskvec.linalg.groups import Grouping
from taskvec.reports.charts import cells_chart
from taskvec.reports.page import Block, Figure, Section, Words
from taskvec.reports.store.facts import StoreFacts
from taskvec.results import Matrix

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


def places(facts: StoreFacts) -> Section:
    """Lay out the section."""
    return Section("places", "Where tasks changed the model", tuple(_blocks(facts)))


def kind_of(tensor: str) -> str:
    """Return what a tensor is, whatever its layer: its name with a star for every number between dots."""
    return _NUMBER.sub("*", tensor)


def _blocks(facts: StoreFacts) -> Iterator[Block]:
    yield Words("The share of ‖τ‖² that lies in each part of the model: a column adds up to 100 %.")
    yield Figure(cells_chart(_shares(facts, "layer", Grouping.LAYER.group_of)))
    yield Figure(cells_chart(_shares(facts, "kind of tensor", kind_of)))


def _shares(facts: StoreFacts, part: str, part_of: Callable[[str], str]) -> Matrix:
    energy = np.diagonal(facts.products.per_tensor, axis1=1, axis2=2)
    found = sorted({part_of(tensor) for tensor in facts.products.tensors}, key=by_numbers)
    sums = np.zeros((len(found), len(facts.names)))
    for tensor, values in zip(facts.products.tensors, energy, strict=True):
        sums[found.index(part_of(tensor))] += values
    with np.errstate(invalid="ignore"):
        shares = sums / np.where(sums.sum(axis=0) > 0, sums.sum(axis=0), np.nan)
    return Matrix(
        title=f"Share of each task vector by {part}",
        rows=tuple(found),
        columns=facts.names,
        row_name=part,
        column_name="task",
        values=tuple(tuple(round(v, 5) if np.isfinite(v) else None for v in row) for row in shares.tolist()),
        unit="fraction",
    )
