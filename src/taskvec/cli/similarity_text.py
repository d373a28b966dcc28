"""Similarities as a person reads them: the whole table while it is small, the extremes where it is large."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.table import Table

from taskvec.cli.printable import printable
from taskvec.cli.tables import table
from taskvec.store.similarity import Similarity

_WHOLE_TABLE = 16
_SHOWN_PAIRS = 10


def similarity_text(result: Similarity) -> Iterator[str | Table]:
    """Show norms and cosines.

    Args:
        result: The similarities of T task vectors.

    Yields:
        Tables.
    """
    if not result.names:
        yield "no task vectors to compare"
    elif len(result.names) <= _WHOLE_TABLE:
        yield _whole_table(result)
    else:
        yield from _extremes(result)
    if result.groups:
        yield ""
        yield _groups_table(result)


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _whole_table(result: Similarity) -> Table:
    rows = [
        (name, f"{norm:.4g}", *map(_number, cosines))
        for name, norm, cosines in zip(result.names, result.norms, result.cosine, strict=True)
    ]
    return table(("cosine", "norm", *result.names), rows)


def _extremes(result: Similarity) -> Iterator[str | Table]:
    first, second = np.triu_indices(len(result.names), 1)
    cosines = np.nan_to_num(result.cosine[first, second])
    order = np.argsort(-np.abs(cosines), kind="stable")[:_SHOWN_PAIRS]
    rows = [(result.names[first[i]], result.names[second[i]], _number(cosines[i])) for i in order]
    least, median, most = np.quantile(result.norms, (0, 0.5, 1))
    yield f"{len(result.names)} task vectors; norms from {least:.4g} to {most:.4g}, median {median:.4g}"
    yield f"cosines of pairs: median {np.median(cosines):.3f}; the largest of {len(cosines)} (--json prints all):"
    yield table(("first", "second", "cosine"), rows)


def _groups_table(result: Similarity) -> Table:
    above = np.triu_indices(len(result.names), 1)
    rows = []
    for name, group in result.groups.items():
        cosines = group.cosine[above]
        known = cosines[np.isfinite(cosines)]
        extremes = (known.min(), np.median(known), known.max()) if known.size else (np.nan,) * 3
        share = np.trace(group.gram) / max(np.trace(result.gram), np.finfo(np.float64).tiny)
        rows.append((printable(name), f"{100 * share:.1f} %", *map(_number, extremes)))
    return table(("tensor", "share of ‖V‖²", "least cosine", "median", "largest"), rows)
