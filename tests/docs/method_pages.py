"""``docs/methods/``: a page a merge method, made from its record.

``make pages`` writes all. What stands below the line ``<!-- by hand -->`` of a page is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from measured_notes import notes

from taskvec.methods import METHODS, Method, Needs, Takes
from taskvec.methods.part import Grain
from taskvec.methods.rule import Either, Formula
from taskvec.parameter import Parameter, Plain

FOLDER = Path(__file__).parents[2] / "docs" / "methods"
BY_HAND = "<!-- by hand -->"
INDEX = "merges.md"

EVERYWHERE = """\
Every method is a function in expressions, in recipes, on `NAME.shared` and `NAME.unique`, over a basis, and on arrays.
`taskvec methods` lists them with their options."""

SEMANTICS = """\
`semantics=mergekit` takes mergekit 0.1.5's definition and defaults instead of the paper's. Held against outputs that
mergekit itself recorded (`tests/methods/goldens`), in float32, to 2·10⁻⁶; what it cannot follow is said here too."""

OVER_A_BASIS = """\
Over a basis, a merge that is no fixed combination of its vectors has an error that the certificate does not know; it
says so, and `edit --measure` measures it while the task vectors are there. `linear`, `task_arithmetic` and `fednova`
are such combinations, and their error is exact."""

_READS = {
    Needs.NOTHING: "Nothing is measured before the pass that writes.",
    Needs.TENSOR: "Statistics of each tensor are measured before the pass that writes.",
    Needs.MODEL: "Statistics of the whole model are measured before the pass that writes.",
    Needs.MATRICES: "Whole matrices: one tensor at a time is held, the task vectors one after another.",
}
_READS_THEN = {
    Needs.NOTHING: "nothing is measured",
    Needs.TENSOR: "statistics of each tensor are measured",
    Needs.MODEL: "statistics of the whole model are measured",
    Needs.MATRICES: "whole tensors are held",
}


def page(method: Method) -> str:
    """The part of a page that is made from the record."""
    return "\n".join(
        [
            f"# {method.name}: {method.summary}",
            "",
            f"From {_linked(method.paper)}. {method.when}",
            "",
            "```",
            f'taskvec edit STORE "base + {method.example}" -o OUT',
            "```",
            "",
            "## The definition",
            "",
            f"    {method.formula}",
            "",
            f"It takes {method.inputs}, as {method.takes}{_based(method)}. {_reads(method)}{_seen(method)}",
            f"On arrays: `taskvec.methods.{method.name}(deltas{_more(method)})`, deltas `(T, …)`, in float64.",
            "",
            "## Options",
            "",
            "| option | default | range | |",
            "|---|---|---|---|",
            *map(option_row, method.parameters),
            "",
            "## mergekit",
            "",
            _peer(method),
            "",
            *notes(method),
        ]
    )


def pages() -> Mapping[str, str]:
    """Every page by its file, the parts written by hand included."""
    made = {f"{name}.md": page(method) + by_hand(FOLDER / f"{name}.md") for name, method in METHODS.items()}
    return {INDEX: index(), **made}


def by_hand(path: Path) -> str:
    """What stands on a page below the line, the line included."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    _, line, below = text.partition(f"\n{BY_HAND}\n")
    return f"\n{BY_HAND}\n{below}" if line else ""


def index() -> str:
    """The page that lists all, and where mergekit's definitions differ."""
    return "\n".join(
        [
            "# Merge methods",
            "",
            EVERYWHERE,
            "",
            "| method | does | needs | from |",
            "|---|---|---|---|",
            *(f"| [{m.name}]({m.name}.md) | {m.summary} | {m.needs} | {_linked(m.paper)} |" for m in METHODS.values()),
            "",
            "## Where mergekit differs",
            "",
            SEMANTICS,
            "",
            "| method | mergekit | defaults there |",
            "|---|---|---|",
            *(
                f"| {m.name} | {_cell(m.mergekit.differs or 'the same')} | {_defaults(m)} |"
                for m in METHODS.values()
                if m.mergekit
            ),
            "",
            OVER_A_BASIS,
            "",
        ]
    )


def _more(method: Method) -> str:
    base = ["base=base"] if _looks_at_the_base(method) else []
    return "".join(f", {one}" for one in (*base, *(one.shown_example(2) for one in method.required)))


def _looks_at_the_base(method: Method) -> bool:
    """Whether another base changes what deltas are merged to; of whole models it does, and zeros may stand for it."""
    if method.takes is Takes.POINTS:
        return False
    rng, given = np.random.default_rng(0), {one.name: one.example for one in method.required}
    deltas, base = rng.standard_normal((method.min_inputs, 3, 4)), rng.standard_normal((3, 4))
    return not np.array_equal(method(deltas, **given), method(deltas, base=base, **given))


def _reads(method: Method) -> str:
    """What is measured before the pass that writes, and with which options something else is."""
    others: dict[Needs, list[str]] = {}
    for name, value in _choices(method):
        needs = method.needs_with(**{name: value})
        if needs is not method.needs:
            others.setdefault(needs, []).append(f"`{name}`" if value == "a" else f"`{name}={_shown(value)}`")
    more = (f" With {' or '.join(options)} {_READS_THEN[needs]}." for needs, options in others.items())
    return f"{_READS[method.needs]}{''.join(more)}"


def _choices(method: Method) -> Iterator[tuple[str, Plain]]:
    """Every option that is no number, with each value that is not its default."""
    for one in method.parameters:
        yield from ((one.name, word) for word in one.choices if word != one.default)
        if one.kind == "flag":
            yield one.name, not one.default
        if one.kind == "task":
            yield one.name, "a"


def _based(method: Method) -> str:
    return "" if method.needs_base else ", and has a meaning without a base"


def _seen(method: Method) -> str:
    rule = method.rule.first if isinstance(method.rule, Either) else method.rule
    if isinstance(rule, Formula) and rule.grain is Grain.ROWS:
        which = "With some options it" if isinstance(method.rule, Either) else "It"
        return f" {which} sees whole rows at once."
    return ""


def option_row(one: Parameter) -> str:
    """A row of a table of options."""
    each = "; one number, or one for each vector" if one.per_vector else ""
    alias = f" (or `{one.alias}`)" if one.alias else ""
    return f"| `{one.name}`{alias} | {_default(one)} | {_range(one)} | {_cell(one.doc)}{each} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(one: Parameter) -> str:
    return "must be given" if one.is_required else _shown(one.shown_default())


def _shown(value: Plain) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"


def _range(one: Parameter) -> str:
    if one.kind == "flag":
        return "true, false"
    return ", ".join(one.choices) or str(one.bounds) or ("a task vector" if one.kind == "task" else "any number")


def _defaults(method: Method) -> str:
    other = [one for one in method.parameters if one.default_for("mergekit") is not one.default]
    return ", ".join(f"`{one.name}` {_peer_default(one)}" for one in other) or "the same"


def _peer_default(one: Parameter) -> str:
    value = one.shown_default("mergekit")
    return "must be given" if value is None else _shown(value)


def _peer(method: Method) -> str:
    if method.mergekit is None:
        return "mergekit has no such method."
    differs = f"Differs: {method.mergekit.differs}." if method.mergekit.differs else "The same definition."
    return f"{differs} Defaults under `semantics=mergekit`: {_defaults(method)}. All differences: [merges.md]({INDEX})."


def _linked(paper: str) -> str:
    words = [
        f"[{word.rstrip(';,')}](https://arxiv.org/abs/{word.rstrip(';,')}){word[len(word.rstrip(';,')) :]}"
        if word[:4].isdigit() and "." in word
        else word
        for word in paper.split()
    ]
    return " ".join(words)


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
