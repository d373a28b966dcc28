"""How stores, bases and results look in a notebook: tables, and charts of what is known without reading weights."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from taskvec.bases.basis import Basis
from taskvec.reports import page
from taskvec.reports.charts import cells_chart, cosine_map
from taskvec.reports.likeness import tree
from taskvec.reports.page import Block, Figure, Numbers, Section, Words
from taskvec.reports.result_page import result_section
from taskvec.reports.store.atoms import bases_table, certificates
from taskvec.results import Column, Result, Table
from taskvec.store.similarity import Similarity
from taskvec.store.store import Store

_MOST_CELLS = 64


@singledispatch
def section_of(value: Any) -> Section:
    """Lay out a store, a basis or a result for a notebook.

    Raises:
        TypeError: If the value is none of these.
    """
    raise TypeError(f"a notebook cannot show {type(value).__name__}")


def fragment(value: Any) -> str:
    """Return a value as HTML without scripts.

    Args:
        value: A store, a basis or a result.

    Returns:
        HTML.
    """
    return page.fragment(section_of(value))


@section_of.register
def _(value: Store) -> Section:
    documents = [value.documents.vector(name) for name in value.names]
    columns = (Column(name="task"), Column(name="norm", unit="number"), Column(name="size", unit="bytes"))
    rows = tuple((document.name, document.norm, document.source.nbytes) for document in documents)
    table = Table(title=f"Task vectors of {value.documents.store().base.ref}", columns=columns, rows=rows)
    blocks: list[Block] = [Numbers(table)]
    if 2 < len(documents) <= _MOST_CELLS:
        similar = Similarity(value.names, value.known_gram(value.names).total)
        if np.isfinite(similar.gram).all():
            blocks.append(Figure(cosine_map(similar.names, similar.cosine, tree(similar.gram))))
    return Section("store", f"Store {value.path}", tuple(blocks))


@section_of.register
def _(value: Basis) -> Section:
    blocks: list[Block] = [Numbers(bases_table([value])), *(Words(note) for note in value.notes)]
    if len(value.tasks) > 1:
        blocks.append(Figure(cells_chart(certificates([value]))))
    return Section("basis", f"Basis {value.name}", tuple(blocks))


@section_of.register
def _(value: Result) -> Section:
    return result_section(value, "result")
