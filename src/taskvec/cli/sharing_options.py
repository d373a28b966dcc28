"""The options of commands that look for what task vectors share: a group that decompose and attribute have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from taskvec.cli.options import names_option
from taskvec.registry import OneFileEach

_EDGE = "edge"


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """How sharing is found: a field for each option."""

    rank: Annotated[
        int | None, typer.Option("--rank", metavar="R", help="Keep R singular directions of each matrix; or")
    ] = None
    energy: Annotated[
        float | None, typer.Option("--energy", metavar="E", help="keep as many as hold this share of the energy.")
    ] = None
    subspace: Annotated[
        str,
        typer.Option(
            "--subspace",
            metavar="|".join(OneFileEach("taskvec.linalg.subspaces.ways")),
            help="How sharing is found: by the mean projector, or by products in the order of the names (chain is the "
            "paper's).",
        ),
    ] = "mean"
    threshold: Annotated[
        str,
        typer.Option(
            "--threshold",
            metavar="edge|X",
            help="The least eigenvalue of a shared direction: just above what chance gives, or a number.",
        ),
    ] = _EDGE
    side: Annotated[
        str,
        typer.Option("--side", metavar="left|right|both", help="The space of outputs (left), of inputs, or both."),
    ] = "left"
    one_dimensional: Annotated[
        bool, typer.Option("--one-dimensional", help="Also split biases and scales; they are unique otherwise.")
    ] = False
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The key of what is random.")] = 0

    def keywords(self) -> dict[str, Any]:
        """Return the same as ``decompose`` takes it."""
        return {
            "rank": self.rank,
            "energy": self.energy,
            "subspace": self.subspace,
            "threshold": _threshold(self.threshold),
            "side": self.side,
            "one_dimensional": self.one_dimensional,
            "seed": self.seed,
        }


def groups_option(texts: Sequence[str]) -> dict[str, list[str]]:
    """Read GROUP=A,B, any number of times.

    Raises:
        typer.BadParameter: If one is not of that form, or a group is named twice.
    """
    groups: dict[str, list[str]] = {}
    for text in texts:
        name, _, members = text.partition("=")
        if not (name.isascii() and name.isidentifier()) or name in groups or not members:
            raise typer.BadParameter(f"{text!r} is not GROUP=A,B with a name of its own", param_hint="--group")
        groups[name] = names_option(members) or []
    return groups


def _threshold(text: str) -> float | None:
    try:
        return None if text == _EDGE else float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither edge nor a number", param_hint="--threshold") from None
