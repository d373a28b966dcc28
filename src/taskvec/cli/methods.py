"""``taskvec methods``: every method with its options and its paper."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.options import Reporting
from taskvec.cli.screen import show

if TYPE_CHECKING:
    from taskvec.linalg.encoders import Method as Encoder
    from taskvec.methods import Method
    from taskvec.methods.parameter import Parameter

app = typer.Typer()

Row = dict[str, Any]


@command(app, "methods")
def methods(how: Reporting) -> None:
    """List the methods of compress and the merges of expressions and recipes, with their options and papers.

    Last come the presets of weights by block, for diffusion models.

    With --json: methods, those of compress (name, summary, paper, options by name with their defaults), merges
    (name, summary, formula, paper, when, needs, takes, inputs, options by name with their defaults, parameters), and
    block_presets (name: blocks from the first to the last, others).
    """
    from taskvec.editing.scope.block_presets import PRESETS
    from taskvec.linalg.encoders import METHODS as ENCODERS
    from taskvec.methods import METHODS

    encoders = [_encoder(method) for method in ENCODERS.values()]
    merges = [_merge(method) for method in METHODS.values()]
    presets = {name: {"blocks": weights.points, "others": weights.others} for name, weights in PRESETS.items()}
    data = {"methods": encoders, "merges": merges, "block_presets": presets}
    show(how, data, lambda: _lines(encoders, merges, list(presets)))


def _encoder(method: Encoder) -> Row:
    options = dataclasses.asdict(method.options())
    return {"name": method.name, "summary": method.summary, "paper": method.paper, "options": options}


def _merge(method: Method) -> Row:
    parameters = [_parameter(one) for one in method.parameters]
    return {
        "name": method.name,
        "summary": method.summary,
        "formula": method.formula,
        "paper": method.paper,
        "when": method.when,
        "needs": method.needs,
        "takes": method.takes,
        "inputs": method.inputs,
        "needs_base": method.needs_base,
        "mergekit": method.mergekit,
        "options": {one["name"]: one["default"] for one in parameters},
        "parameters": parameters,
    }


def _parameter(parameter: Parameter) -> Row:
    return {
        "name": parameter.name,
        "kind": parameter.kind,
        "default": parameter.shown_default(),
        "is_required": parameter.is_required,
        "mergekit_default": parameter.shown_default("mergekit"),
        "per_vector": parameter.per_vector,
        "range": str(parameter.bounds) or None,
        "choices": list(parameter.choices),
        "alias": parameter.alias,
        "doc": parameter.doc,
    }


def _lines(encoders: list[Row], merges: list[Row], presets: list[str]) -> Iterator[str]:
    yield "taskvec compress --method"
    yield from _listed(encoders)
    yield ""
    yield "merges, in expressions such as base + 0.5*ties(math, code, density=0.2)"
    yield from _listed(merges)
    yield ""
    yield "weights by block of a diffusion model, in expressions such as base + blocks(ink, weights=GRAD_V)"
    yield from textwrap.wrap(" ".join(presets), 100, initial_indent="  ", subsequent_indent="  ")


def _listed(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        yield f"  {row['name']:<18} {row['summary']} ({row['paper']})"
        shown = {name: value for name, value in row["options"].items() if name != "semantics"}
        if shown:
            yield " " * 21 + " ".join(f"{name}={_text(value)}" for name, value in shown.items())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "…" if value is None else str(value)
