"""``taskvec inspect``: what a checkpoint says of itself, or how two differ; no weight is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.options import Reporting
from taskvec.cli.screen import show

if TYPE_CHECKING:
    from taskvec.checkpoints import Checkpoint

app = typer.Typer()


@command(app, "inspect")
def inspect(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A checkpoint.", show_default=False)],
    how: Reporting,
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="Another, to be compared.", show_default=False)
    ] = None,
) -> None:
    """Show a checkpoint's tensors, or how two checkpoints differ.

    Only headers are read.

    With --json, for one: ref, path, num_tensors, num_params, bytes, dtypes (tensors of each), tensors (name, dtype,
    shape), tied, files, metadata. For two: first, second, same, only_in_first, only_in_second, shapes, dtypes (name,
    first, second).
    """
    from taskvec.checkpoints.comparison import compare
    from taskvec.checkpoints.remote import open_header
    from taskvec.cli.inspect_text import checkpoint_text, comparison_text

    with open_header(ref) as first:
        if other is None:
            description = _describe(first)
            show(how, description, lambda: checkpoint_text(first, description["dtypes"]))
            return
        with open_header(other) as second:
            comparison = compare(first, second)
    refs = {"first": ref, "second": other}
    show(how, {**refs, **comparison.to_json()}, lambda: comparison_text(comparison, ref, other))


def _describe(checkpoint: Checkpoint) -> dict[str, Any]:
    infos = checkpoint.tensors.values()
    dtypes: dict[str, int] = {}
    for info in infos:
        dtypes[info.dtype.value] = dtypes.get(info.dtype.value, 0) + 1
    return {
        "ref": checkpoint.ref,
        "path": str(checkpoint.path),
        "num_tensors": len(infos),
        "num_params": checkpoint.num_params,
        "bytes": checkpoint.nbytes,
        "dtypes": dtypes,
        "tensors": [{"name": info.name, "dtype": info.dtype.value, "shape": list(info.shape)} for info in infos],
        "tied": dict(checkpoint.tied),
        "files": [str(path) for path in checkpoint.files],
        "metadata": dict(checkpoint.metadata),
    }
