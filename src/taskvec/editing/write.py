"""From a recipe to a model: understood and planned first, then carried out; one way for every recipe and every edit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from blake3 import blake3

from taskvec.editing.describing import documents, input_files, public_text
from taskvec.editing.edit import Editing
from taskvec.editing.file_hashes import plan_hashes
from taskvec.editing.open import Opened, public_names
from taskvec.editing.recipe.loading import RecipeFile, dump_recipes
from taskvec.editing.recipe.schema import Recipe
from taskvec.editing.recipe.steps import defaults_of, define_steps
from taskvec.editing.scope.names import Preamble
from taskvec.editing.search import num_trials, settle, started
from taskvec.editing.validation import validate_by
from taskvec.editing.workshop import Workshop
from taskvec.errors import RecipeError
from taskvec.linalg.search import ScalingChoice
from taskvec.streaming import Plan, PlannedPass, RunOptions
from taskvec.streaming.memory import parse_size
from taskvec.types import DType
from taskvec.vectors.forms import file_state
from taskvec.vectors.output import EditResult, OutputOptions
from taskvec.vectors.task_vector import Ref

Validate = Callable[[Path], float]
"""From the folder of a candidate to its validation score; larger is better."""

Made = Mapping[str, Path]
"""Where the results of named recipes are."""


@dataclass(frozen=True)
class Merging:
    """A recipe file that is to be carried out.

    Attributes:
        file: The recipes.
        options: The limits.
        sha256: Whether the card names the SHA-256 of every input file, which costs a read of those not known.
        validate: Scores a candidate; the recipe's own command if not given.
        record: What to write into the output's metadata beside our own facts.
        measure: Whether to measure the error of the last recipe over its basis against the task vectors.
    """

    file: RecipeFile
    options: RunOptions = field(default_factory=RunOptions)
    sha256: bool = True
    validate: Validate | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    measure: bool = False

    def plan(self, out: Ref) -> Plan:
        """Understand every recipe, and return what carrying them out would cost; reads no weight.

        Args:
            out: The folder to make.

        Returns:
            The plan of all recipes together; intermediate models are planned as large as their bases.
        """
        plans = [self._plan(recipe, Path(out)) for recipe in self.file.recipes]
        passes = tuple(planned for plan in plans for planned in plan.passes)
        return replace(plans[-1], passes=passes, projected_bytes=max(plan.projected_bytes for plan in plans))

    def save(self, out: Ref) -> EditResult:
        """Carry the recipes out; the output appears whole or not at all, and an interrupted run can go on.

        Args:
            out: The folder to make.

        Returns:
            What was written.
        """
        target = Path(out).absolute()
        if len(self.file.recipes) > 1 or self.file.last.searched:
            self.plan(target)  # the last recipe must be right before anything is made for it
        workshop = Workshop(target)
        made: dict[str, Path] = {}
        for number, recipe in enumerate(self.file.recipes[:-1], start=1):
            made[str(recipe.name)] = self._intermediate(workshop, self.file.recipes[:number], made)
        settled = settle(self.file.last, partial(self._score, workshop, made))
        work = self._work([*self.file.recipes[:-1], settled.recipe], made, measure=self.measure)
        result = work.save(target, settled.choices, sha256=self.sha256)
        workshop.clear()
        return result

    def editing(self, *, is_plan: bool = False) -> Editing:
        """Understand a single recipe that searches for nothing, for another way of writing its result.

        Args:
            is_plan: Read no weights, not even for inner products; such an editing can be planned and not saved.

        Returns:
            The editing.
        """
        return self._work(self.file.recipes, {}, measure=self.measure, is_plan=is_plan).editing

    def _plan(self, recipe: Recipe, out: Path) -> Plan:
        stand_ins = {str(one.name): _stand_in(one, self.file.recipes) for one in self.file.recipes[:-1]}
        measure = self.measure and recipe.name is None
        work = self._work([started(recipe)], stand_ins, measure=measure, is_plan=True)
        plan = work.editing.plan(out if recipe.name is None else Workshop(out).nowhere)
        trials = num_trials(recipe)
        tried = [_repeated(planned, trials) for planned in plan.passes] if trials else []
        is_hashed = self.sha256 and recipe.output.card and recipe.name is None
        hashed = plan_hashes(input_files(work.opened), self.options) if is_hashed else ()
        return replace(plan, passes=(*tried, *plan.passes, *hashed))

    def _intermediate(self, workshop: Workshop, recipes: Sequence[Recipe], made: Made) -> Path:
        work = self._work(recipes, made)
        place = workshop.place(str(recipes[-1].name), work.key)
        if not place.exists():
            work.save(place, {}, sha256=False)
        return place

    def _score(self, workshop: Workshop, made: Made, recipe: Recipe) -> float:
        work = self._work([recipe], made)

        def measure(candidate: Path) -> float:
            work.save(candidate, {}, sha256=False)
            return self._validate(candidate)

        return workshop.score(work.key, measure)

    def _work(self, recipes: Sequence[Recipe], made: Made, *, measure: bool = False, is_plan: bool = False) -> _Work:
        """Open and understand the last of some recipes."""
        opened = Opened(recipes[-1], self.file.given, made, self.options)
        record = {"recipe": public_text(recipes), **self.record}
        editing = understand(opened, record, self.options, measure=measure, is_plan=is_plan)
        return _Work(recipes, self.file.given, opened, editing)

    @property
    def _validate(self) -> Validate:
        if self.validate is not None:
            return self.validate
        command = self.file.last.validation
        return validate_by(command.command if command else ())


@dataclass(frozen=True)
class _Work:
    """A recipe whose numbers are known, with its models open.

    Attributes:
        recipes: The recipes up to this one.
        given: The references as the user wrote them, by what they were resolved to.
        opened: Its models.
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

    def save(self, out: Path, choices: Mapping[str, ScalingChoice], *, sha256: bool) -> EditResult:
        """Write the result and what lies beside it."""
        self.editing.plan(out)
        texts = documents(out, self.recipes, self.given, self.opened, self.editing, choices, sha256=sha256)
        return replace(self.editing, output=replace(self.editing.output, documents=texts)).save(out)


def understand(
    opened: Opened, record: Mapping[str, Any], options: RunOptions, *, measure: bool = False, is_plan: bool = False
) -> Editing:
    """Turn a recipe into what can be planned and written.

    Args:
        opened: The recipe, its models open.
        record: What to write into the output's metadata.
        options: The limits.
        measure: Measure the error over a basis against the task vectors.
        is_plan: Read no weights, not even for inner products; such an editing can be planned and not saved.

    Returns:
        The editing.

    Raises:
        RecipeError: If an error is to be measured and there is no basis.
    """
    recipe = opened.recipe
    if measure and recipe.basis is None:
        raise RecipeError("measuring holds what a basis recovers against the task vectors: name a store and its basis")
    sources = {} if recipe.store else {"sources": public_names(recipe)}
    own = {**sources, **opened.moved, **record}
    output = OutputOptions(_dtype(recipe), _shard_size(recipe), own, public=opened.public)
    said = Preamble(partial(define_steps, recipe, opened.names), defaults_of(recipe), opened.onto)
    if opened.store is not None:
        return Editing.of_store(
            opened.store,
            recipe.result,
            basis=recipe.basis,
            addition=recipe.addition,
            measure=measure,
            output=output,
            is_plan=is_plan,
            preamble=said,
        )
    vectors = {name: partial(opened.vectors.__getitem__, name) for name in recipe.vectors}
    return Editing.of_vectors(opened.base, vectors, recipe.result, output=output, options=options, preamble=said)


def _dtype(recipe: Recipe) -> DType | None:
    return None if recipe.output.dtype is None else DType.from_option(recipe.output.dtype)


def _shard_size(recipe: Recipe) -> int | None:
    return None if recipe.output.shard_size is None else parse_size(recipe.output.shard_size)


def _stand_in(recipe: Recipe, recipes: Sequence[Recipe]) -> Path:
    """Return a checkpoint with the tensors that a recipe will make: its base, or its base's."""
    named = {one.name: one for one in recipes if one.name}
    source = recipe.onto or recipe.base
    while isinstance(source, str) and source in named:
        source = named[source].onto or named[source].base
    return Path(source) if isinstance(source, str) else Path(source.slices[0].model if source else str(recipe.store))


def _repeated(planned: PlannedPass, times: int) -> PlannedPass:
    return replace(
        planned,
        label=f"{planned.label}, for {times} candidates",
        read_bytes=planned.read_bytes * times,
        written_bytes=planned.written_bytes * times,
    )
