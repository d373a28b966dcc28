"""Recipes from files: ours and mergekit's told apart, one document or several, in the order in which they are made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from taskvec.checkpoints.quoting import quoted
from taskvec.editing.recipe.file import RecipeFile
from taskvec.editing.recipe.mistakes import one_line
from taskvec.editing.recipe.references import resolved
from taskvec.editing.recipe.schema import Recipe, refs_of
from taskvec.editing.recipe.yaml_text import Document, parse_documents
from taskvec.errors import RecipeError

_MOST_BYTES = 10_000_000

Schema = TypeVar("Schema", bound=BaseModel)


def load_recipe(path: str | os.PathLike[str]) -> RecipeFile:
    """Read a recipe, ours or mergekit's; no model is opened.

    Args:
        path: The YAML file; relative references in it are beside it. mergekit's may be in the working directory too.

    Returns:
        The recipes, with references that mean the same from anywhere.

    Raises:
        RecipeError: If the file cannot be read, or says what cannot be done.
    """
    file = Path(path).expanduser().absolute()
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise RecipeError(f"{file}: has {file.stat().st_size} bytes, which no recipe needs; name another file")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}; name a YAML file") from error
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: is no text in UTF-8; name a YAML file") from None
    return parse_recipe(text, os.fspath(path), file.parent)


def parse_recipe(text: str, name: str, folder: Path) -> RecipeFile:
    """Read a recipe from its text.

    Args:
        text: The YAML.
        name: What to call it in messages.
        folder: What relative references start from.

    Returns:
        The recipes.

    Raises:
        RecipeError: If there is none.
    """
    documents = parse_documents(text, name)
    if not documents:
        raise RecipeError(f"{name}:1: holds no recipe; write one")
    recipes = _in_order(_recipes(documents), name)
    given: dict[str, str] = {}
    names = {recipe.name for recipe in recipes if recipe.name}
    also = Path.cwd() if any(_is_mergekit(document) for document in documents) else None

    def change(ref: str) -> str:
        found = ref if ref in names else resolved(ref, folder, also=also)
        given.setdefault(found, ref)
        return found

    return RecipeFile(tuple(recipe.with_refs(change) for recipe in recipes), given)


def _is_mergekit(document: Document) -> bool:
    return isinstance(document.data, dict) and "merge_method" in document.data


def _recipes(documents: Sequence[Document]) -> list[Recipe]:
    """Read documents of either kind; a name of mergekit's may hold any character, and is made one of ours."""
    if not any(_is_mergekit(document) for document in documents):
        return [_validated(Recipe, document) for document in documents]
    from taskvec.editing.recipe.mergekit.translating import (
        names_of,  # an edit starts without what mergekit's recipes need
    )

    theirs = dict.fromkeys(str(one.data["name"]) for one in documents if _is_mergekit(one) and one.data.get("name"))
    ours = dict(zip(theirs, names_of(theirs), strict=True))
    read = [_translated(one, ours) if _is_mergekit(one) else _validated(Recipe, one) for one in documents]
    return [recipe.with_refs(lambda ref: ours.get(ref, ref)) for recipe in read]


def _translated(document: Document, names: Mapping[str, str]) -> Recipe:
    from taskvec.editing.recipe.mergekit.schema import MergekitRecipe
    from taskvec.editing.recipe.mergekit.translating import translate

    given = _validated(MergekitRecipe, Document(document.name, _without_nothing(document.data), document.lines))
    try:
        return translate(given).model_copy(update={"name": names.get(str(given.name))})
    except RecipeError as error:
        raise RecipeError(f"{document.at(())}: {error}") from None
    except ValidationError as error:
        raise RecipeError(f"{document.at(())}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


def _validated(schema: type[Schema], document: Document) -> Schema:
    try:
        return schema.model_validate(document.data)
    except ValidationError as error:
        raise one_line(error, document, schema) from None


def _without_nothing(value: Any) -> Any:
    """Leave out keys without a value, which mergekit takes as not given."""
    if isinstance(value, dict):
        return {key: _without_nothing(one) for key, one in value.items() if one is not None}
    return [_without_nothing(one) for one in value] if isinstance(value, list) else value


def _in_order(recipes: Sequence[Recipe], name: str) -> list[Recipe]:
    """Put recipes behind those that they refer to, the one without a name last.

    Raises:
        RecipeError: If two have one name, none or two are without, or some refer to each other.
    """
    unnamed = [recipe for recipe in recipes if recipe.name is None]
    if len(recipes) == 1:
        return [recipes[0].model_copy(update={"name": None})]
    if len(unnamed) != 1:
        raise RecipeError(f"{name}:1: {len(unnamed)} documents have no name: of several, exactly one is the output")
    by_name = {recipe.name: recipe for recipe in recipes if recipe.name}
    if len(by_name) + 1 < len(recipes):
        raise RecipeError(f"{name}:1: two documents have the same name; rename one")
    ordered: list[Recipe] = []
    waiting = dict(by_name)
    while waiting:
        ready = [key for key, one in waiting.items() if not any(ref in waiting for ref in _refs(one))]
        if not ready:
            raise RecipeError(f"{name}:1: the document {quoted(next(iter(waiting)))} refers to itself through others")
        ordered += [waiting.pop(key) for key in ready]
    return [*ordered, unnamed[0]]


def _refs(recipe: Recipe) -> Iterator[str]:
    for source in (recipe.base, recipe.onto, *(vector.model for vector in recipe.vectors.values())):
        yield from refs_of(source)
