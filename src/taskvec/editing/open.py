"""What a recipe is about, opened: base, vectors and tokenizer; headers alone are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.checkpoints.hub import public
from taskvec.checkpoints.renaming import renamed
from taskvec.editing.recipe.layers import LayerNames
from taskvec.editing.recipe.schema import ModelSource, Recipe, refs_of
from taskvec.editing.recipe.steps import define_steps, used_vectors
from taskvec.editing.scope.ground import Ground
from taskvec.editing.scope.names import Preamble
from taskvec.editing.scope.over_checkpoints import OverCheckpoints
from taskvec.editing.stacking import open_model
from taskvec.errors import RecipeError
from taskvec.expressions import OptionValue
from taskvec.streaming import RunOptions
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector

if TYPE_CHECKING:  # a recipe without a store starts without what stores need
    from taskvec.bases.basis import Basis
    from taskvec.checkpoints.vocabulary import VocabularyReport
    from taskvec.store.store import Store


@dataclass(frozen=True)
class _Aligned:
    """Base and fine-tuned models.

    Attributes:
        base: The base.
        models: Name → fine-tuned model.
        report: What bringing their vocabularies together moved.
    """

    base: Checkpoint
    models: Mapping[str, Checkpoint]
    report: VocabularyReport | None


class Opened:
    """The models of one recipe; each reference is opened once.

    Attributes:
        recipe: The recipe; its references mean the same from anywhere.
    """

    def __init__(
        self,
        recipe: Recipe,
        given: Mapping[str, str],
        made: Mapping[str, Path],
        options: RunOptions,
    ) -> None:
        """Open nothing yet.

        Args:
            recipe: The recipe.
            given: The references as the user wrote them, by what they were resolved to; messages say these.
            made: Where the results of earlier recipes are.
            options: The limits.
        """
        self.recipe = recipe
        self._given = given
        self._made = made
        self._options = options
        self._by_ref: dict[str, Checkpoint] = {}

    @cached_property
    def store(self) -> Store | None:
        """The store, where the recipe has one."""
        if self.recipe.store is None:
            return None
        from taskvec.store.store import Store

        return Store(self.recipe.store, self._options)

    @cached_property
    def base(self) -> Source:
        """The base."""
        return self.store.base if self.store is not None else Source.of(self._aligned.base)

    @cached_property
    def onto(self) -> Source | None:
        """The model that is edited instead of the base."""
        return None if self.recipe.onto is None else Source.of(self.model(self.recipe.onto))

    @property
    def ground(self) -> Ground:
        """What the result is over."""
        if self.store is None:
            taken = tuple(self.recipe.vectors)
            return OverCheckpoints(self.base, taken, self._vector, public_names(self.recipe), self._options)
        if self.recipe.basis is None:
            from taskvec.editing.scope.over_store import OverStore

            return OverStore(self.store)
        from taskvec.editing.scope.over_basis import OverBasis

        return OverBasis(self._basis, self.recipe.addition)

    @property
    def truth(self) -> Ground:
        """What a result over a basis is measured against: the task vectors themselves.

        Raises:
            RecipeError: If there is no basis.
        """
        if self.recipe.basis is None:
            raise RecipeError(
                "measuring holds what a basis recovers against the task vectors: name a store and its basis"
            )
        from taskvec.editing.scope.over_basis import OverTasks

        return OverTasks(self._basis)

    @property
    def preamble(self) -> Preamble:
        """What is said before the result: parameters, steps and options of every method, and the model to edit."""
        recipe = self.recipe
        defaults: dict[str, OptionValue] = {"semantics": recipe.semantics, "seed": float(recipe.seed)}
        if not (recipe.parameters or recipe.steps):
            return Preamble(defaults=defaults, onto=self.onto)
        names = LayerNames.of(self.base.checkpoint.tensors)
        return Preamble(partial(define_steps, recipe, names), defaults, self.onto)

    @cached_property
    def _basis(self) -> Basis:
        from taskvec.bases.basis import Basis

        return Basis.load(cast("Store", self.store), str(self.recipe.basis))

    def _vector(self, name: str) -> TaskVector:
        return self._vectors[name]

    @cached_property
    def _vectors(self) -> Mapping[str, TaskVector]:
        """The vectors of a recipe without a store."""
        return {
            name: TaskVector(self.base.checkpoint, model, allow=self.recipe.vectors[name].allow)
            for name, model in self._aligned.models.items()
        }

    @property
    def moved(self) -> Mapping[str, Any]:
        """What bringing vocabularies together moved, for the record; empty where nobody asked for it."""
        if self.recipe.output.tokenizer is None:
            return {}
        return {"vocabulary": self._aligned.report.to_json() if self._aligned.report else None}

    @cached_property
    def _aligned(self) -> _Aligned:
        """The base and the fine-tuned models, with the same row for the same token where that is asked for."""
        base = self.model(self.recipe.base)
        models = {
            name: renamed(self.model(vector.model), vector.rename) for name, vector in self.recipe.vectors.items()
        }
        if self.recipe.output.tokenizer is None:
            return _Aligned(base, models, None)
        from taskvec.checkpoints.vocabulary import align_vocabularies

        used = used_vectors(self.recipe, LayerNames.of(base.tensors))
        aligned = align_vocabularies(base, {name: models[name] for name in used}, self.recipe.output.tokenizer)
        return _Aligned(aligned.base, aligned.models, aligned.report)

    @property
    def by_ref(self) -> Mapping[str, tuple[Checkpoint, tuple[str, ...]]]:
        """Every model of a recipe without a store, by its reference, with the names of what is made of it."""
        sources: dict[str, ModelSource | None] = {"base": self.recipe.base, "onto": self.recipe.onto}
        sources |= {name: vector.model for name, vector in self.recipe.vectors.items()}
        names: dict[str, list[str]] = {}
        for name, source in sources.items():
            for ref in dict.fromkeys(refs_of(source)):
                names.setdefault(ref, []).append(name)
        return {ref: (self._open(ref), tuple(own)) for ref, own in names.items()}

    def model(self, source: ModelSource | None) -> Checkpoint:
        """Open a model of the recipe; a name stands for what an earlier recipe made.

        Raises:
            RecipeError: If there is none.
        """
        if source is None:
            raise RecipeError("base is missing; write base, or store")
        return open_model(source, self._open)

    def _open(self, ref: str) -> Checkpoint:
        if ref not in self._by_ref:
            opened = open_checkpoint(self._made.get(ref, ref))
            self._by_ref[ref] = replace(opened, ref=self._given.get(ref, ref))
        return self._by_ref[ref]

    def public(self, given: str) -> str:
        """Return what everybody may read of a reference as the user wrote it."""
        refs = {self._given.get(ref, ref): ref for ref in self._by_ref}
        return public(refs.get(given, given))


def public_names(recipe: Recipe) -> Mapping[str, str]:
    """Return for the base and every vector what everybody may read of its reference."""
    sources: dict[str, ModelSource | None] = {"base": recipe.base or recipe.store, "onto": recipe.onto}
    sources |= {name: vector.model for name, vector in recipe.vectors.items()}
    return {name: _public(source) for name, source in sources.items() if source is not None}


def _public(source: ModelSource) -> str:
    if isinstance(source, str):
        return public(source)
    return " + ".join(f"{public(one.model)}[{one.layers[0]}:{one.layers[1]}]" for one in source.slices)
