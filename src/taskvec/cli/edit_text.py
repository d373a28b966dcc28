"""What was written, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskvec.vectors.output import EditResult


def edit_text(result: EditResult) -> Iterator[str]:
    """Say what an edit or a merge wrote.

    Args:
        result: What was written.

    Yields:
        A sentence about the files, one a rule that was used, and one about the error over a basis.
    """
    from taskvec.streaming.memory import format_size

    files = f"{len(result.files)} file{'s' if len(result.files) > 1 else ''}"
    tensors = f"{result.edited} tensors edited, {result.copied} copied"
    yield f"wrote {result.out}: {tensors}, {format_size(result.num_bytes)} in {files}"
    for rule in result.rules:
        yield f"rule {rule['rule']} covered {len(rule['tensors'])} tensors of {rule['source']}"
    if result.vocabulary:
        found = result.vocabulary
        yield f"vocabulary of {found['source']}: {found['tokens']} tokens, {len(found['added'])} new to the base"
    if result.certificate:
        error = result.certificate["relative_error"]
        size = "an unknown relative error" if error is None else f"a relative error of {error:.3g}"
        yield f"over basis {result.certificate['basis']}: what was added has {size}"
