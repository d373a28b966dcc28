"""Layouts of one model that hold the same weights under other names: told apart by these names."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelLayout:
    """A way to name the tensors of a kind of model.

    Attributes:
        family: What can be laid out so; layouts of one family exclude each other.
        name: What people call the layout.
        mark: What the names of some tensors look like.
        remedy: How a checkpoint comes into or out of this layout.
    """

    family: str
    name: str
    mark: re.Pattern[str]
    remedy: str


_BY_DIFFUSERS = (
    "convert it with diffusers: load it with from_single_file(…), call save_pretrained(…) and name that folder"
)
_BY_TRANSFORMERS = "load and save both with one version of transformers"
_LAYOUTS = (
    ModelLayout(
        "UNet", "the original layout of Stable Diffusion", re.compile(r"(model\.diffusion_model\.)?input_blocks\..*"),
        _BY_DIFFUSERS,
    ),
    ModelLayout("UNet", "the layout of diffusers", re.compile(r"(unet\.)?down_blocks\..*"), _BY_DIFFUSERS),
    ModelLayout(
        "Flux", "the original layout of Flux", re.compile(r"(model\.diffusion_model\.)?double_blocks\..*"),
        _BY_DIFFUSERS,
    ),
    ModelLayout(
        "Flux", "the layout of diffusers", re.compile(r"(transformer\.)?single_transformer_blocks\..*"), _BY_DIFFUSERS
    ),
    ModelLayout("MoE", "experts apart", re.compile(r".*\.experts\.\d+\..*"), _BY_TRANSFORMERS),
    ModelLayout(
        "MoE", "experts packed", re.compile(r".*\.experts\.(gate_up_proj|down_proj|w1|w2|w3)"), _BY_TRANSFORMERS
    ),
)  # fmt: skip


def layouts_of(names: Collection[str]) -> list[ModelLayout]:
    """Return the layouts that some names belong to, one a family at most."""
    found = {layout.family: layout for layout in _LAYOUTS if any(layout.mark.fullmatch(name) for name in names)}
    return list(found.values())


def difference(first: Collection[str], second: Collection[str]) -> tuple[ModelLayout, ModelLayout] | None:
    """Return two layouts of one family that two models have; None where they have the same or unknown ones."""
    theirs = {layout.family: layout for layout in layouts_of(second)}
    pairs = ((layout, theirs[layout.family]) for layout in layouts_of(first) if layout.family in theirs)
    return next((pair for pair in pairs if pair[0] != pair[1]), None)
