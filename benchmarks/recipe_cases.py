"""Recipes in mergekit's YAML that both programs are given: one for each method that both have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.families import Family


@dataclass(frozen=True, slots=True)
class Case:
    """A method with its parameters.

    Attributes:
        method: Its name.
        num_models: Fine-tunes that are merged.
        own: Parameters of every model.
        shared: Parameters of all of them.
        has_base: Whether a base is named.
        is_random: Whether its masks are drawn by chance, so that two programs agree on no value.
    """

    method: str
    num_models: int = 4
    own: Mapping[str, float] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)
    has_base: bool = True
    is_random: bool = False

    @property
    def options(self) -> dict[str, float]:
        """All parameters."""
        return {**self.own, **self.shared}

    def write(self, family: Family, file: Path) -> Path:
        """Write the recipe over a family of models."""
        folders = list(family.finetuned.values())[: self.num_models]
        models = [{"model": str(folder), "parameters": dict(self.own)} for folder in folders]
        dtypes = {"dtype": "bfloat16", "out_dtype": "bfloat16"}  # some methods of mergekit's make float32 of bfloat16
        recipe: dict[str, object] = {"merge_method": self.method, "models": models, **dtypes}
        if self.has_base:
            recipe["base_model"] = str(family.base)
        if self.shared:
            recipe["parameters"] = dict(self.shared)
        file.write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
        return file


_WEIGHT = {"weight": 0.3}
_DROPPED = {**_WEIGHT, "density": 0.5}

CASES = (
    Case("passthrough", 1, has_base=False),
    Case("linear", own={"weight": 0.25}, has_base=False),
    Case("task_arithmetic", own=_WEIGHT),
    Case("slerp", 1, shared={"t": 0.4}),
    Case("nuslerp", 2, {"weight": 0.5}, has_base=False),
    Case("multislerp", own={"weight": 0.25}),
    Case("karcher", has_base=False),
    Case("model_stock"),
    Case("nearswap", 1, shared={"t": 0.0001}),
    Case("arcee_fusion", 1),
    Case("ties", own={**_WEIGHT, "density": 0.2}),
    Case("sce", shared={"select_topk": 0.2}),
    Case("breadcrumbs", own={**_WEIGHT, "density": 0.9, "gamma": 0.01}),
    Case("breadcrumbs_ties", own={**_WEIGHT, "density": 0.9, "gamma": 0.01}),
    Case("dare_linear", own=_DROPPED, is_random=True),
    Case("dare_ties", own=_DROPPED, is_random=True),
    Case("della", own={**_DROPPED, "epsilon": 0.1}, is_random=True),
    Case("della_linear", own={**_DROPPED, "epsilon": 0.1}, is_random=True),
)
