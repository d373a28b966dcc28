"""An adapter that was written, as a person reads it: its ranks, what they cost, and what it cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from taskvec.cli.edit_text import over_basis_text
from taskvec.cli.printable import printable
from taskvec.streaming.memory import format_size

if TYPE_CHECKING:
    from taskvec.adapters import LoraResult

_SHOWN = 5


def lora_text(result: LoraResult) -> Iterator[str]:
    """Say what was written and what it lost.

    Args:
        result: The adapter.

    Yields:
        Lines.
    """
    changed = [matrix for matrix in result.matrices if matrix.rank]
    ranks = sorted({matrix.rank for matrix in changed})
    span = f"rank {ranks[0]}" + (f" to {ranks[-1]}" if len(ranks) > 1 else "") if ranks else "no rank"
    yield (
        f"wrote {result.out}: {len(changed)} matrices of {span}, {result.num_params:,} params, "
        f"{format_size(result.num_bytes)}"
    )
    yield f"truncation lost {result.truncation_error:.3g} of the change of these matrices"
    worst = max(changed, key=lambda matrix: matrix.error, default=None)
    if worst is not None and worst.error > 0:
        yield f"the most in {printable(worst.name)}: {worst.error:.3g} at rank {worst.rank}"
    if result.whole:
        yield f"held whole: {len(result.whole)} tensors that no factors hold"
    if result.left_out:
        names = [printable(name) for name in sorted(result.left_out, key=lambda name: -result.left_out[name])]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"left out, for an adapter holds no such tensors: {', '.join(names[:_SHOWN])}{more}"
        yield f"with these, {result.relative_error:.3g} of the whole change is lost"
    if result.certificate:
        yield over_basis_text(result.certificate)
