"""The inputs of a mergekit recipe, each followed through all slices of the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from taskvec.checkpoints.quoting import quoted
from taskvec.editing.recipe.mergekit.schema import InputModel, InputSlice, MergekitRecipe, Parameters
from taskvec.errors import RecipeError

Layers = tuple[int, int]

_WEIGHTED = frozenset(
    {"linear", "task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties", "della",
     "della_linear"}
)  # fmt: skip
"""Methods in which a source of weight 0 is as if it were not there."""


@dataclass(frozen=True)
class Slot:
    """One input of the merge.

    Attributes:
        models: Its model in each slice.
        ranges: Its layers in each slice; None where models are merged whole.
        parameters: Its own parameters in each slice.
    """

    models: tuple[str, ...]
    ranges: tuple[Layers | None, ...]
    parameters: tuple[Parameters, ...]

    @property
    def source(self) -> Any:
        """The model as our recipes have it."""
        parts = [
            {"model": model, "layers": list(layers)}
            for model, layers in zip(self.models, self.ranges, strict=True)
            if layers is not None
        ]
        return {"slices": parts} if parts else self.models[0]


@dataclass(frozen=True)
class Slots:
    """All inputs, and the settings that they share.

    Attributes:
        inputs: The inputs beside the base, in order.
        base: The base, where one is named.
        layers: The layers of the output that each slice makes; None where models are merged whole.
        shared: For each slice, the parameters of all its inputs, from the highest precedence to the lowest.
    """

    inputs: tuple[Slot, ...]
    base: Slot | None
    layers: tuple[Layers | None, ...]
    shared: tuple[tuple[Parameters, ...], ...]

    @classmethod
    def of(cls, given: MergekitRecipe) -> Slots:
        """Sort the inputs of a recipe."""
        if given.models:
            models = list(given.models)
            if given.base_model and all(model.model != given.base_model for model in models):
                models.append(InputModel(model=given.base_model))  # as mergekit does
            rows = [_row([(one.model, None, one.parameters) for one in models], given.base_model)]
            return cls._joined(rows, (None,), ((given.parameters,),))
        rows = [
            _row([_slice_input(one) for one in part.sources], part.base_model or given.base_model)
            for part in given.slices
        ]
        stops = list(accumulate(part.num_layers for part in given.slices))
        layers = tuple((stop - part.num_layers, stop) for part, stop in zip(given.slices, stops, strict=True))
        rows = _filled(rows) if given.merge_method in _WEIGHTED else rows
        return cls._joined(rows, layers, tuple((part.parameters, given.parameters) for part in given.slices))

    @classmethod
    def _joined(
        cls, rows: Sequence[_Row], layers: tuple[Layers | None, ...], shared: tuple[tuple[Parameters, ...], ...]
    ) -> Slots:
        if len({(len(row.inputs), row.base is None) for row in rows}) > 1:
            raise RecipeError(
                "slices: each slice must have the same number of sources for this method, all or none a base_model: "
                "make the slices alike, or merge them one by one (several documents)"
            )
        inputs = tuple(_slot(column) for column in zip(*(row.inputs for row in rows), strict=True))
        bases = [row.base for row in rows if row.base is not None]
        return cls(inputs, _slot(bases) if bases else None, layers, shared)


_Input = tuple[str, Layers | None, Parameters]


@dataclass(frozen=True)
class _Row:
    """The inputs of one slice."""

    inputs: tuple[_Input, ...]
    base: _Input | None


def _row(inputs: Sequence[_Input], base: str | None) -> _Row:
    """Tell the base from the other inputs of a slice.

    Raises:
        RecipeError: If a model occurs twice, or the base not at all.
    """
    models = [model for model, _, _ in inputs]
    twice = next((model for model in models if models.count(model) > 1), None)
    if twice is not None:
        raise RecipeError(f"{quoted(twice)} occurs twice among the models that are merged; name each once")
    if base is not None and base not in models:
        raise RecipeError(f"base_model {quoted(base)} is none of the sources of a slice; add it to them")
    found = next((one for one in inputs if one[0] == base), None)
    return _Row(tuple(one for one in inputs if one is not found), found)


def _filled(rows: Sequence[_Row]) -> list[_Row]:
    """Give every slice as many sources as the longest has: one of its own once more, with a weight of 0."""
    most = max(len(row.inputs) for row in rows)
    return [
        _Row((*row.inputs, *[_weightless(row) for _ in range(most - len(row.inputs))]), row.base) if row.inputs else row
        for row in rows
    ]


def _weightless(row: _Row) -> _Input:
    model, layers, parameters = row.inputs[0]
    return model, layers, {**parameters, "weight": 0.0}


def _slice_input(source: InputSlice) -> _Input:
    return source.model, source.layer_range, source.parameters


def _slot(column: Sequence[_Input]) -> Slot:
    models, ranges, parameters = zip(*column, strict=True)
    return Slot(tuple(models), tuple(ranges), tuple(parameters))
