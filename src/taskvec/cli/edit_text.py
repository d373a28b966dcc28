"""What was written, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

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
        yield over_basis_text(result.certificate)


def over_basis_text(certificate: Mapping[str, Any]) -> str:
    """Say how far what came from a basis is from the task vectors themselves."""
    return f"over basis {certificate['basis']}: what was added has {_error_text(certificate)}"


def _error_text(certificate: Mapping[str, Any]) -> str:
    known, measured = certificate["relative_error"], certificate.get("measured_error")
    if measured is not None:
        beside = "" if known is None else f" (by the certificate {known:.3g})"
        return f"a relative error of {measured:.3g}, measured{beside}"
    if known is None:
        return f"an unknown relative error: {certificate['unknown']}"
    return f"a relative error of {known:.3g}"
