"""A plan as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from taskvec.cli.tables import table
from taskvec.streaming.memory import format_size
from taskvec.streaming.plan import Plan


def plan_text(plan: Plan) -> Iterator[str | Table]:
    """Say what a run will read, write and hold.

    Args:
        plan: The plan.

    Yields:
        A table of its passes, where it has any, and a sentence about memory and disk.
    """
    rows = [
        (
            p.label,
            format_size(p.read_bytes),
            format_size(p.written_bytes),
            format_size(p.projected_bytes),
            str(p.workers),
        )
        for p in plan.passes
    ]
    if rows:
        yield table(("pass", "reads", "writes", "memory", "threads"), rows)
    else:
        yield "nothing to read: everything that is asked for is known"
    yield f"memory: at most {format_size(plan.projected_bytes)} of {format_size(plan.allowed_bytes)} allowed"
    if plan.free_disk_bytes is not None:
        yield f"disk: {format_size(plan.output_bytes)} to write, {format_size(plan.free_disk_bytes)} free"
