"""A recipe whose numbers are known, with its models open and its result understood."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blake3 import blake3

from taskvec.editing.edit import Editing
from taskvec.editing.open import Opened
from taskvec.editing.recipe.file import dump_recipes
from taskvec.editing.recipe.schema import Recipe
from taskvec.vectors.forms import file_state


@dataclass(frozen=True)
class Work:
    """One recipe, ready to be planned or carried out.

    Attributes:
        recipes: The recipes that make the result, this one last.
        given: The references as the user wrote them, by what they were resolved to.
        opened: The models of this one.
        editing: What it makes.
    """

    recipes: Sequence[Recipe]
    given: Mapping[str, str]
    opened: Opened
    editing: Editing

    @property
    def key(self) -> str:
        """What the result depends on: the recipe, and the state of every file, or of a store the contents."""
        states = [file_state(model) for model, _ in self.opened.by_ref.values()]
        contents = json.dumps(self.editing.output.record["sources"])
        return blake3("\0".join([dump_recipes(self.recipes), contents, *states]).encode()).hexdigest()
