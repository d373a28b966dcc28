"""What is alike: cosines in the order of a tree, its groups, near-duplicates by name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.notes import duplicates
from taskvec.reports.charts import cosine_map
from taskvec.reports.likeness import NEAR, Pair, pairs
from taskvec.reports.page import Block, Figure, Numbers, Section, Words
from taskvec.reports.page.cells import shown
from taskvec.reports.store.facts import StoreFacts
from taskvec.results import Column, Table

_MOST_CELLS = 256  # vectors with a cell each; more would be too small to see
_MOST_PAIRS = 40
_MOST_MEMBERS = 40


def alike(facts: StoreFacts) -> Section:
    """Lay out the section."""
    return Section("alike", "What is alike", tuple(_blocks(facts)))


def _blocks(facts: StoreFacts) -> Iterator[Block]:
    found = pairs(facts.names, facts.gram)
    yield from _near(facts, [pair for pair in found if pair.distance <= NEAR])
    if len(facts.names) > 2:
        yield from _figure(facts)
        yield Numbers(groups_table(facts))
    title = "Pairs, the nearest first" if len(found) <= _MOST_PAIRS else f"The {_MOST_PAIRS} nearest pairs"
    yield Numbers(_pairs_table(title, found[:_MOST_PAIRS]))


def _near(facts: StoreFacts, near: list[Pair]) -> Iterator[Block]:
    for same in duplicates(facts.names, facts.gram):
        yield Words(f"{' and '.join(same)} are the same task vector.", "note")
    if not near:
        yield Words(f"No near-duplicates: no two vectors differ by less than {shown(NEAR, 'fraction')} of their norm.")
        return
    yield Words(
        f"Near-duplicates, {len(near)}: pairs whose difference is at most {shown(NEAR, 'fraction')} of the norm."
    )
    yield Numbers(_pairs_table("Near-duplicates", near[:_MOST_PAIRS]))


def _figure(facts: StoreFacts) -> Iterator[Block]:
    if len(facts.names) > _MOST_CELLS:
        yield Words(f"More than {_MOST_CELLS} vectors: cells would be too small to see, so the groups stand for them.")
        return
    yield Figure(
        cosine_map(facts.names, facts.cosine, facts.tree),
        "In the order of an average-linkage tree of 1 − cosine, which stands above. Frames: its groups, cut where "
        f"they stand apart most clearly (mean silhouette {facts.tree.silhouette:.2f} of 1). The diagonal is left out.",
    )


def groups_table(facts: StoreFacts) -> Table:
    """Return a row for each group of the tree: its members, and how alike they are to each other and to the others."""
    groups = np.array(facts.tree.groups)
    columns = (
        Column(name="group", unit="count"),
        Column(name="members", unit="count"),
        Column(name="mean cosine within", unit="number"),
        Column(name="with all others", unit="number"),
        Column(name="tasks"),
    )
    rows = []
    for group in range(int(groups.max()) + 1):
        inside = np.flatnonzero(groups == group)
        outside = np.flatnonzero(groups != group)
        within = facts.cosine[np.ix_(inside, inside)][np.triu_indices(len(inside), 1)]
        across = facts.cosine[np.ix_(inside, outside)].ravel()
        tasks = ", ".join(facts.names[index] for index in inside[:_MOST_MEMBERS])
        more = f" and {len(inside) - _MOST_MEMBERS} more" if len(inside) > _MOST_MEMBERS else ""
        rows.append((group + 1, len(inside), _mean(within), _mean(across), tasks + more))
    return Table(title="Groups", columns=columns, rows=tuple(rows))


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _pairs_table(title: str, found: list[Pair]) -> Table:
    columns = (
        Column(name="one"),
        Column(name="other"),
        Column(name="cosine", unit="number"),
        Column(name="difference", unit="fraction", meaning="‖a − b‖ / max(‖a‖, ‖b‖)"),
    )
    rows = tuple(
        (pair.first, pair.second, pair.cosine if np.isfinite(pair.cosine) else None, pair.distance) for pair in found
    )
    return Table(title=title, columns=columns, rows=rows)
