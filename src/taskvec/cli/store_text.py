"""What a store holds, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from taskvec.cli.tables import table
from taskvec.linalg.certificate import in_words
from taskvec.store.store import Store
from taskvec.streaming.memory import format_size

Row = Mapping[str, Any]


def init_text(store: Store) -> Iterator[str]:
    """Say what was made and what to do next."""
    yield f"made {store.path} for fine-tunes of {store.documents.store().base.ref}"
    yield f"add some with: taskvec store add {store.path} NAME=MODEL"


def vectors_table(rows: Sequence[Row]) -> Table:
    """Make a table of task vectors, one a row."""
    cells = [
        (
            row["name"],
            f"{row['norm']:.4g}",
            f"{row['num_params']:,}",
            format_size(row["bytes"]),
            row["form"],
            row["source"],
        )
        for row in rows
    ]
    return table(("name", "norm", "params", "size", "form", "source"), cells, words=("form", "source"))


def list_text(path: Path, listing: Mapping[str, Any]) -> Iterator[str | Table]:
    """Say what is in a store.

    Args:
        path: The store.
        listing: What ``store list --json`` prints.

    Yields:
        Its base, its vectors and its bases.
    """
    base, vectors, bases = listing["base"], listing["vectors"], listing["bases"]
    yield f"{path}: task vectors of {base['ref']} ({base['num_params']:,} params, {format_size(base['bytes'])})"
    yield vectors_table(vectors) if vectors else f"no task vector yet: taskvec store add {path} NAME=MODEL"
    if bases:
        yield ""
        yield _bases_table(bases)


def vector_text(detail: Row) -> Iterator[str | Table]:
    """Say what a store knows of one task vector.

    Args:
        detail: What ``store show --json`` prints.

    Yields:
        A table of facts, and what each rule did.
    """
    facts = [
        ("name", detail["name"]),
        ("norm", f"{detail['norm']:.6g}"),
        ("size", f"{detail['num_params']:,} params in {detail['num_tensors']} tensors, {format_size(detail['bytes'])}"),
        ("form", detail["form"]),
        ("source", detail["source"]),
        ("fingerprint", detail["fingerprint"]),
    ]
    for fact, value in facts:
        yield f"{fact:<12}{value}"
    for rule in detail["rules"]:
        yield f"{'rule':<12}{rule['rule']} covered {len(rule['tensors'])} tensors: {', '.join(rule['tensors'][:3])}"


def _bases_table(bases: Sequence[Row]) -> Table:
    cells = [
        (
            basis["name"],
            f"{len(basis['tasks'])} → {basis['num_atoms']}",
            in_words(basis["relative_error"], 4),
            format_size(basis["bytes"]),
            basis["method"],
        )
        for basis in bases
    ]
    return table(("basis", "tasks → atoms", "relative error", "size", "method"), cells, words=("method",))
