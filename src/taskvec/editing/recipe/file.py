"""Recipes as they are carried out: those of a file, or the one that an edit is, with what was said beside them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from taskvec.editing.recipe.references import resolved
from taskvec.editing.recipe.schema import Recipe
from taskvec.editing.recipe.yaml_text import dump
from taskvec.errors import RecipeError
from taskvec.types import DType
from taskvec.vectors.alignment import Rule
from taskvec.vectors.task_vector import Ref


@dataclass(frozen=True)
class RecipeFile:
    """Recipes, and how their references were written.

    Attributes:
        recipes: In the order in which they are made; all but the last have names, by which later ones refer to them.
        given: The references as they were written, by what they were resolved to.
    """

    recipes: tuple[Recipe, ...]
    given: Mapping[str, str]

    @classmethod
    def of_store(
        cls, store: Ref, expression: str, *, basis: str | None = None, addition: str = "recovered"
    ) -> RecipeFile:
        """Write an edit over a store down as a recipe.

        Args:
            store: The store's folder.
            expression: Such as ``base + 0.4*(math + code)``.
            basis: Take the vectors from this basis.
            addition: What the sum of all tasks of a basis is.

        Returns:
            The recipe.
        """
        given = os.fspath(store)
        path = os.path.normpath(Path(given).expanduser().absolute())
        recipe = _recipe({"store": path, "basis": basis, "addition": addition, "result": expression})
        return cls((recipe,), {path: given})

    @classmethod
    def of_checkpoints(
        cls, base: Ref, vectors: Mapping[str, Ref], expression: str, *, allow: Collection[Rule] = ()
    ) -> RecipeFile:
        """Write an edit over checkpoints down as a recipe.

        Args:
            base: The base model.
            vectors: Name → fine-tuned model.
            expression: Such as ``base + 0.4*(math + code)``.
            allow: Rules for tensors that do not match the base.

        Returns:
            The recipe.
        """
        here, written = Path.cwd(), [os.fspath(ref) for ref in (base, *vectors.values())]
        refs = {ref: resolved(ref, here) for ref in written}
        named = {name: {"model": refs[os.fspath(ref)], "allow": list(allow)} for name, ref in vectors.items()}
        recipe = _recipe({"base": refs[written[0]], "vectors": named, "result": expression})
        return cls((recipe,), {found: ref for ref, found in refs.items()})

    @property
    def last(self) -> Recipe:
        """The recipe whose result is the output."""
        return self.recipes[-1]

    def overridden(
        self,
        *,
        dtype: DType | None = None,
        shard_size: int | None = None,
        seed: int | None = None,
        tokenizer: str | None = None,
        allow: Collection[Rule] = (),
        rename: Sequence[str] = (),
    ) -> RecipeFile:
        """Return the same with what a command line says beside it, so that the recipe makes the same again.

        Args:
            dtype: The dtype of the output.
            shard_size: Bytes of a file of the output at most.
            seed: The key of random masks of all recipes.
            tokenizer: Whose tokens the output has.
            allow: Rules for every vector of all recipes.
            rename: ``OLD=NEW`` for every vector of all recipes.

        Returns:
            The recipes.
        """
        said = {
            "dtype": None if dtype is None else dtype.value.lower(),
            "tokenizer": tokenizer,
            "shard_size": None if shard_size is None else str(shard_size),
        }
        output = self.last.output.model_copy(update=_given(said))
        recipes = [_reading(one, allow, rename).model_copy(update=_given({"seed": seed})) for one in self.recipes]
        return replace(self, recipes=(*recipes[:-1], recipes[-1].model_copy(update={"output": output})))


def dump_recipes(recipes: Iterable[Recipe]) -> str:
    """Return the text of recipes, which reads back as the same."""
    return "---\n".join(dump(recipe.to_data()) for recipe in recipes)


def _recipe(data: Mapping[str, object]) -> Recipe:
    try:
        return Recipe.model_validate(_given(data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RecipeError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from None


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


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what nobody said."""
    return {key: value for key, value in said.items() if value is not None}
