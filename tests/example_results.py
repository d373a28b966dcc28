"""Results that look like real ones, and names that try to be markup, code or an expression."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from taskvec.results import (
    Axis,
    Column,
    Control,
    Curves,
    Input,
    Machine,
    Mark,
    Matrix,
    Measured,
    Result,
    Series,
    Table,
)

HOSTILE = (
    "<script>globalThis.stolen = 1</script>",
    '"><img src=x onerror="globalThis.stolen = 1">',
    "</script><script>globalThis.stolen = 1</script>",
    "'); globalThis.stolen = 1; ('",
    '"] + (globalThis.stolen = 1) + ["',
    "{{ 7 * 7 }} ${7 * 7} <!-- &amp;",
)


def table(names: tuple[str, ...] = ("mnist", "emoji", "latin"), **changes: Any) -> Table:
    rows = tuple(
        (name, Measured(value=0.9 - 0.1 * k, spread=0.02, n=384), 0.5 + 0.1 * k) for k, name in enumerate(names)
    )
    columns = (Column(name="task"), Column(name="merged", unit="fraction"), Column(name="base", unit="fraction"))
    given = {"title": "Accuracy", "columns": columns, "rows": rows, "spread": "standard error", "is_drawn": True}
    return Table(**(given | changes))


def odd_numbers() -> Table:
    """Numbers that would be in another order as text, and one that is not known."""
    columns = (Column(name="which"), Column(name="number", unit="number"))
    values = {"nine": 9.0, "ten": 10.5, "unknown": None, "tiny": 2e-5, "one": 1.5, "minus three": -3.0, "least": -30.0}
    return Table(title="Odd numbers", columns=columns, rows=tuple(values.items()))


def curves(names: tuple[str, ...] = ("whole", "unique"), **changes: Any) -> Curves:
    lines = tuple(
        Series(name=name, x=(0.1, 0.2, 0.4), y=(0.5, 0.7 - 0.1 * k, 0.6), spread=(0.01, 0.02, 0.01), n=3)
        for k, name in enumerate(names)
    )
    given = {
        "title": "Choosing λ",
        "x": Axis(name="scaling λ"),
        "y": Axis(name="accuracy", unit="fraction"),
        "series": (*lines, Series(name="a random direction", x=(0.1, 0.4), y=(0.5, 0.4), is_control=True)),
        "marks": (Mark(x=0.2, name="chosen"),),
        "spread": "standard deviation over seeds",
    }
    return Curves(**(given | changes))


def matrix(names: tuple[str, ...] = ("mnist", "emoji", "latin"), **changes: Any) -> Matrix:
    values = tuple(tuple(None if r == c else (r - c) / 4 for c in range(len(names))) for r in range(len(names)))
    given = {
        "title": "Cross accuracy",
        "rows": names,
        "columns": names,
        "row_name": "evaluated on",
        "column_name": "fine-tuned on",
        "values": values,
        "is_signed": True,
    }
    return Matrix(**(given | changes))


def result(**changes: Any) -> Result:
    given = {
        "name": "example",
        "title": "Eight tasks in one model",
        "question": "Is one model better than the base on every task?",
        "answer": "Better on two of three; the third is within noise.",
        "recipe": "base + 0.2*sum(mnist, emoji, latin)",
        "commands": ("taskvec edit STORE 'base + 0.2*mnist' -o OUT",),
        "date": datetime(2026, 11, 22, 12, 30, tzinfo=UTC),
        "seeds": (0, 1, 2),
        "inputs": (Input(name="base", ref="models/base", fingerprint="ab" * 32),),
        "settings": {"steps": 120, "rate": 1e-5, "is_fixed": True, "note": None},
        "versions": {"taskvec": "0.1.0", "python": "3.11.7"},
        "machine": Machine(cpu="a processor", cores=2, memory_bytes=24 << 30, system="Linux 6"),
        "seconds": {"fine-tuning": 512.5},
        "tables": (table(), odd_numbers()),
        "curves": (curves(),),
        "matrices": (matrix(),),
        "controls": (Control(name="a random subspace", expected="no gain", found="no gain"),),
        "notes": ("One split.",),
    }
    return Result(**(given | changes))


def hostile_result() -> Result:
    """A result in which every text is one that must never become markup."""
    text = HOSTILE[0]
    return result(
        title=text,
        question=HOSTILE[1],
        answer=HOSTILE[2],
        recipe=HOSTILE[2],
        commands=HOSTILE,
        notes=HOSTILE,
        settings={name: name for name in HOSTILE},
        versions={name: name for name in HOSTILE},
        tables=(table(HOSTILE, title=HOSTILE[3], spread=HOSTILE[1]),),
        curves=(curves(HOSTILE, title=HOSTILE[4], marks=(Mark(x=0.2, name=HOSTILE[1]),), spread=HOSTILE[1]),),
        matrices=(matrix(HOSTILE, title=HOSTILE[5], row_name=HOSTILE[0], column_name=HOSTILE[3]),),
        controls=(Control(name=HOSTILE[0], expected=HOSTILE[1], found=HOSTILE[2]),),
    )
