"""Checkpoints and their differences as a person reads them: short, and what is left out is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.comparison import Comparison
from taskvec.cli.printable import printable
from taskvec.cli.tables import table
from taskvec.streaming.memory import format_size

_SHOWN = 20


def checkpoint_text(checkpoint: Checkpoint, dtypes: Mapping[str, int]) -> Iterator[str | Table]:
    """Say what a checkpoint holds.

    Args:
        checkpoint: The checkpoint.
        dtypes: Number of tensors of each dtype.

    Yields:
        A summary and its first tensors.
    """
    infos = list(checkpoint.tensors.values())
    counts = ", ".join(f"{count} {dtype}" for dtype, count in dtypes.items())
    yield (
        f"{checkpoint.ref}: {len(infos)} tensors ({counts}), {checkpoint.num_params:,} params, "
        f"{format_size(checkpoint.nbytes)}"
    )
    yield table(
        ("tensor", "dtype", "shape"),
        [(printable(info.name), info.dtype, _shape(info.shape)) for info in infos[:_SHOWN]],
    )
    yield from _rest(len(infos))
    for name, kept in list(checkpoint.tied.items())[:_SHOWN]:
        yield f"{printable(name)} is tied to {printable(kept)}"


def comparison_text(comparison: Comparison, first: str, second: str) -> Iterator[str | Table]:
    """Say how two checkpoints differ.

    Args:
        comparison: What was found.
        first: The first, as the user named it.
        second: The second.

    Yields:
        What differs.
    """
    if comparison.same:
        yield f"{first} and {second} have the same {comparison.num_shared} tensors, in names, shapes and dtypes"
        return
    yield f"{first} and {second} share {comparison.num_shared} names, and differ:"
    yield from _names(f"only in {first}", comparison.only_in_first)
    yield from _names(f"only in {second}", comparison.only_in_second)
    shapes = [(printable(d.name), _shape(d.first), _shape(d.second)) for d in comparison.shapes]
    yield from _differences("shape", shapes)
    yield from _differences("dtype", [(printable(d.name), d.first, d.second) for d in comparison.dtypes])


def _names(title: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"{title} ({len(names)}):"
        yield from (f"  {printable(name)}" for name in names[:_SHOWN])
        yield from _rest(len(names))


def _differences(what: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[str | Table]:
    if rows:
        yield table((f"other {what}", "first", "second"), rows[:_SHOWN])
        yield from _rest(len(rows))


def _rest(count: int) -> Iterator[str]:
    if count > _SHOWN:
        yield f"… and {count - _SHOWN} more (--json prints all)"


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "scalar"
