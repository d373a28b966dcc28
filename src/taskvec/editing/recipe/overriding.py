"""What a command line says beside a recipe: it becomes part of the recipe, so that the recipe makes the same again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from taskvec.editing.recipe.loading import RecipeFile
from taskvec.editing.recipe.schema import Recipe
from taskvec.types import DType
from taskvec.vectors.alignment import Rule


def overridden(
    file: RecipeFile,
    *,
    dtype: DType | None = None,
    shard_size: int | None = None,
    seed: int | None = None,
    tokenizer: str | None = None,
    allow: Collection[Rule] = (),
    rename: Sequence[str] = (),
) -> RecipeFile:
    """Return the same recipes with some things said otherwise.

    Args:
        file: The recipes.
        dtype: The dtype of the output.
        shard_size: Bytes of a file of the output at most.
        seed: The key of random masks of all recipes.
        tokenizer: Whose tokens the output has.
        allow: Rules for every vector of all recipes.
        rename: ``OLD=NEW`` for every vector of all recipes.

    Returns:
        The recipes.
    """
    recipes = [_seeded(_reading(recipe, allow, rename), seed) for recipe in file.recipes]
    output = recipes[-1].output
    if dtype is not None:
        output = output.model_copy(update={"dtype": dtype.value.lower()})
    if tokenizer is not None:
        output = output.model_copy(update={"tokenizer": tokenizer})
    if shard_size is not None:
        output = output.model_copy(update={"shard_size": str(shard_size)})
    return replace(file, recipes=(*recipes[:-1], recipes[-1].model_copy(update={"output": output})))


def _seeded(recipe: Recipe, seed: int | None) -> Recipe:
    return recipe if seed is None else recipe.model_copy(update={"seed": seed})


def _reading(recipe: Recipe, allow: Collection[Rule], rename: Sequence[str]) -> Recipe:
    vectors = {
        name: vector.model_copy(
            update={
                "allow": tuple(dict.fromkeys([*vector.allow, *allow])),
                "rename": tuple(dict.fromkeys([*vector.rename, *rename])),
            }
        )
        for name, vector in recipe.vectors.items()
    }
    return recipe.model_copy(update={"vectors": vectors})
