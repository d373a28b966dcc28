"""Edits of checkpoints without a store, understood and not yet carried out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from taskvec import RunOptions
from taskvec.editing.edit import Editing
from taskvec.editing.recipe.file import RecipeFile
from taskvec.editing.write import Merging
from taskvec.vectors.alignment import Rule
from taskvec.vectors.task_vector import Ref


def edit_of_checkpoints(
    base: Ref,
    vectors: Mapping[str, Ref],
    expression: str,
    *,
    allow: Collection[Rule] = (),
    options: RunOptions | None = None,
    **said: Any,
) -> Editing:
    file = RecipeFile.of_checkpoints(base, vectors, expression, allow=allow).overridden(**said)
    return Merging(file, options or RunOptions()).editing()
