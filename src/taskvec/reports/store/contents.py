"""What is in the store: the base, every task vector, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from taskvec.reports.page import Block, Details, Numbers, Search, Section, Words
from taskvec.reports.page.cells import shown
from taskvec.reports.store.facts import StoreFacts
from taskvec.results import Column, Table


def contents(facts: StoreFacts) -> Section:
    """Lay out the section."""
    return Section("contents", "What is in the store", tuple(_blocks(facts)))


def _blocks(facts: StoreFacts) -> Iterator[Block]:
    base = facts.store.documents.store().base
    total = sum(document.source.nbytes for document in facts.documents)
    yield Words(
        f"{len(facts.names)} task vectors of {base.ref}: {shown(base.num_params, 'count')} parameters each, "
        f"{shown(total, 'bytes')} of fine-tuned models in all. "
        f"Bases: {len(facts.bases)}; decompositions: {len(facts.decompositions)}."
    )
    yield Search(facts.names)
    yield Numbers(vectors_table(facts))
    fingerprints = tuple((document.name, document.source.fingerprint) for document in facts.documents)
    yield Details("Fingerprints", ((f"base: {base.ref}", base.fingerprint), *fingerprints))
    rules = tuple(
        (document.name, f"{rule.rule}: {len(rule.tensors)} tensors of {rule.source}")
        for document in facts.documents
        for rule in document.rules
    )
    if rules:
        yield Details("Rules that alignment needed", rules)


def vectors_table(facts: StoreFacts) -> Table:
    """Return a row for each task vector."""
    has_groups = len(facts.names) > 2
    columns = (
        Column(name="task"),
        Column(name="norm", unit="number", meaning="‖τ‖₂"),
        *((Column(name="group", unit="count", meaning="of the tree of cosines"),) if has_groups else ()),
        Column(name="size", unit="bytes", meaning="of the fine-tuned model"),
        Column(name="form", meaning="difference: base subtracted on the fly; dense: a stored task vector"),
        Column(name="source"),
    )
    rows = []
    for index, document in enumerate(facts.documents):
        group = (facts.tree.groups[index] + 1,) if has_groups else ()
        source = document.source
        rows.append((document.name, document.norm, *group, source.nbytes, document.form, source.ref))
    return Table(title="Task vectors", columns=columns, rows=tuple(rows))
