"""Parameters that a validation score chooses, one after another; the others keep their place meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from taskvec.editing.recipe.schema import Recipe, SearchedParameter
from taskvec.linalg.search import ScalingChoice, golden_section, grid_search

Numbers = Mapping[str, float]
"""A number for each parameter of a recipe."""

MOST_GRID_POINTS = 25
"""Trials of a grid in all, when the best stays at an end."""


@dataclass(frozen=True)
class Settled:
    """A recipe whose parameters are all numbers.

    Attributes:
        recipe: The recipe, without a search and a validation command.
        choices: What was tried for each parameter.
    """

    recipe: Recipe
    choices: Mapping[str, ScalingChoice]


def settle(recipe: Recipe, score: Callable[[Recipe], float]) -> Settled:
    """Choose every searched parameter, in order: the first while the others stand at their start, and so on.

    Args:
        recipe: The recipe.
        score: Measures a recipe whose parameters are all numbers; larger is better. Never on test data.

    Returns:
        The recipe with the best that was found.
    """
    numbers = _starts(recipe)
    choices: dict[str, ScalingChoice] = {}
    for name, wanted in recipe.searched.items():

        def measured(value: float, name: str = name) -> float:
            return score(with_numbers(recipe, {**numbers, name: value}))

        choices[name] = _search(wanted, measured)
        numbers[name] = choices[name].scaling
    return Settled(with_numbers(recipe, numbers), choices)


def with_numbers(recipe: Recipe, numbers: Numbers) -> Recipe:
    """Return the same recipe with all parameters given, and nothing to validate."""
    return recipe.model_copy(update={"parameters": dict(numbers), "validation": None})


def started(recipe: Recipe) -> Recipe:
    """Return the recipe with every searched parameter at its start, to be looked at without running anything."""
    return with_numbers(recipe, _starts(recipe))


def num_trials(recipe: Recipe) -> int:
    """Return how many models are made at least to choose the parameters."""
    return sum(_num_trials(wanted) for wanted in recipe.searched.values())


def _num_trials(wanted: SearchedParameter) -> int:
    if wanted.search == "grid":
        return wanted.points
    return 2 + math.ceil(math.log(wanted.tolerance) / math.log((math.sqrt(5) - 1) / 2))


def _starts(recipe: Recipe) -> dict[str, float]:
    return {
        name: _start(value) if isinstance(value, SearchedParameter) else value
        for name, value in recipe.parameters.items()
    }


def _start(wanted: SearchedParameter) -> float:
    """Return the middle: geometric for a grid, arithmetic for golden section."""
    if wanted.search == "grid":
        return math.sqrt(wanted.low * wanted.high)
    return (wanted.low + wanted.high) / 2


def _search(wanted: SearchedParameter, score: Callable[[float], float]) -> ScalingChoice:
    if wanted.search == "golden":
        return golden_section(score, low=wanted.low, high=wanted.high, tolerance=wanted.tolerance)
    most = max(wanted.points, MOST_GRID_POINTS)
    return grid_search(score, low=wanted.low, high=wanted.high, num_points=wanted.points, most_points=most)
