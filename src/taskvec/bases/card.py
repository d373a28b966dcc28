"""The README card of a published basis: what it is, what it loses, how it is used."""

from __future__ import annotations

from collections.abc import Iterator

from taskvec.bases.basis import Basis
from taskvec.checkpoints.hub import public
from taskvec.linalg.certificate import in_words
from taskvec.store.document import SourceDocument


def readme_card(basis: Basis, base: SourceDocument) -> str:
    """Write the card, in Markdown with the fields that model hubs read.

    Args:
        basis: The basis.
        base: Its base model.

    Returns:
        The text.
    """
    return "\n".join([*_front(base), *_what(basis, base), *_errors(basis), *_usage(basis), ""])


def _front(base: SourceDocument) -> Iterator[str]:
    model = public(base.ref)
    yield from ("---", f"base_model: {model}", "library_name: taskvec", "tags: [task-vectors, basis]", "---", "")


def _what(basis: Basis, base: SourceDocument) -> Iterator[str]:
    stored = f"{basis.num_stored} atoms" if basis.document.atoms else f"{basis.num_stored} atoms made from a seed"
    yield f"# Basis {basis.name}"
    yield ""
    yield (
        f"{len(basis.tasks)} task vectors of `{public(base.ref)}` in {stored} (method {basis.document.method}, one "
        f"basis for each {basis.document.grouping}): {basis.document.nbytes:,} bytes instead of "
        f"{basis.original_bytes:,}."
    )
    yield f"Fingerprint of the base: `{base.fingerprint}`."
    yield ""


def _errors(basis: Basis) -> Iterator[str]:
    errors = basis.certificate
    yield "| what | relative error |"
    yield "|---|---|"
    yield f"| all tasks | {in_words(errors.relative_error, 4)} |"
    yield f"| their sum | {in_words(errors.sum_error, 4)} |"
    for task, error in errors.task_errors.items():
        yield f"| {task} | {in_words(error, 4)} |"
    yield ""


def _usage(basis: Basis) -> Iterator[str]:
    yield "```"
    yield "taskvec store init STORE --base BASE"
    yield "taskvec basis import STORE FOLDER"
    yield f'taskvec edit STORE "base + 0.3*{basis.tasks[0]}" --basis {basis.name} -o OUT'
    yield "```"
