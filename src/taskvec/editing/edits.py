"""Edits as recipes: an expression over a store or over checkpoints, written down and carried out like any recipe."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from taskvec.editing.edit import Addition
from taskvec.editing.recipe.loading import RecipeFile, load_recipe
from taskvec.editing.recipe.overriding import overridden
from taskvec.editing.recipe.references import resolved
from taskvec.editing.recipe.schema import Recipe
from taskvec.editing.write import Merging, Validate
from taskvec.errors import RecipeError
from taskvec.streaming import RunOptions
from taskvec.vectors.alignment import Rule
from taskvec.vectors.output import EditResult, OutputOptions
from taskvec.vectors.task_vector import Ref

if TYPE_CHECKING:
    from taskvec.store.store import Store


def store_recipe(
    store: Ref, expression: str, *, basis: str | None = None, addition: Addition = "recovered"
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
    return RecipeFile(
        (_recipe({"store": path, "basis": basis, "addition": addition, "result": expression}),), {path: given}
    )


def checkpoint_recipe(
    base: str, vectors: Mapping[str, str], expression: str, *, allow: Collection[Rule] = ()
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
    here = Path.cwd()
    refs = {ref: resolved(ref, here) for ref in (base, *vectors.values())}
    named = {name: {"model": refs[ref], "allow": list(allow)} for name, ref in vectors.items()}
    recipe = _recipe({"base": refs[base], "vectors": named, "result": expression})
    return RecipeFile((recipe,), {found: ref for ref, found in refs.items()})


def edit(
    store: Store,
    expression: str,
    out: Ref,
    *,
    basis: str | None = None,
    addition: Addition = "recovered",
    measure: bool = False,
    output: OutputOptions | None = None,
) -> EditResult:
    """Evaluate an expression over a store and write the result.

    Args:
        store: The store.
        expression: Such as ``base + 0.4*(math + code)``; without ``base`` the result is a task vector.
        out: The folder to make.
        basis: Take the vectors from this basis; then only its atoms are read.
        addition: What the sum of all tasks of a basis is: of the recovered vectors, or of the ``atoms`` with weight 1.
        measure: Measure the error over the basis against the task vectors themselves, which are read once more.
        output: Dtype, shards, and a record for the metadata.

    Returns:
        What was written.
    """
    how = output or OutputOptions()
    path = os.path.relpath(store.path)  # the recipe beside the output finds the store by its way from there
    file = overridden(
        store_recipe(path, expression, basis=basis, addition=addition), dtype=how.dtype, shard_size=how.shard_size
    )
    return Merging(file, store.options, sha256=False, record=how.record, measure=measure).save(out)


def merge(
    recipe: Ref,
    out: Ref,
    *,
    output: OutputOptions | None = None,
    options: RunOptions | None = None,
    seed: int | None = None,
    sha256: bool = True,
    measure: bool = False,
    validate: Validate | None = None,
) -> EditResult:
    """Carry out a recipe, ours or mergekit's, and write the result.

    Args:
        recipe: The YAML file.
        out: The folder to make.
        output: Dtype and shards, instead of the recipe's, and a record for the metadata.
        options: The limits.
        seed: The key of random masks, instead of the recipe's.
        sha256: Whether the card names the SHA-256 of every input file, which costs a read of those not known.
        measure: Measure the error of a recipe over a basis against the task vectors themselves.
        validate: Scores a candidate in a folder, where the recipe searches for parameters; larger is better, and never
            on test data. The recipe's own command if not given.

    Returns:
        What was written.
    """
    how = output or OutputOptions()
    file = overridden(load_recipe(recipe), dtype=how.dtype, shard_size=how.shard_size, seed=seed)
    limits = options or RunOptions()
    return Merging(file, limits, sha256=sha256, validate=validate, record=how.record, measure=measure).save(out)


def _recipe(data: Mapping[str, object]) -> Recipe:
    try:
        return Recipe.model_validate({key: value for key, value in data.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RecipeError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from None
