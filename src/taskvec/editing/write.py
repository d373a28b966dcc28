"""From a recipe to a model: understood and planned first, then carried out; one way for every recipe and every edit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from taskvec.editing.describing import documents, input_files, public_text
from taskvec.editing.edit import Editing, plan_editing
from taskvec.editing.file_hashes import plan_hashes
from taskvec.editing.open import Opened
from taskvec.editing.recipe.file import RecipeFile
from taskvec.editing.recipe.schema import Recipe
from taskvec.editing.search import num_trials, settle, started
from taskvec.editing.validation import validate_by
from taskvec.editing.work import Work
from taskvec.editing.workshop import Workshop
from taskvec.linalg.search import ScalingChoice
from taskvec.streaming import Plan, PlannedPass, RunOptions, Steps, run_steps
from taskvec.streaming.memory import parse_size
from taskvec.types import DType
from taskvec.vectors.output import EditResult, OutputOptions
from taskvec.vectors.task_vector import Ref

if TYPE_CHECKING:  # an edit of checkpoints starts without what stores and bases need
    from taskvec.editing.scope.over_basis import Addition
    from taskvec.store.store import Store

T = TypeVar("T")

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
        if len(self.file.recipes) == 1 and not self.file.last.searched:
            return self._save(self._done(self._last(self.file.recipes, self._opened())), target, {})
        self.plan(target)  # the last recipe must be right before anything is made for it
        workshop = Workshop(target)
        made: dict[str, Path] = {}
        for number, recipe in enumerate(self.file.recipes[:-1], start=1):
            made[str(recipe.name)] = self._intermediate(workshop, self.file.recipes[:number], made)
        settled = settle(self.file.last, partial(self._score, workshop, made))
        recipes = [*self.file.recipes[:-1], settled.recipe]
        last = self._done(self._last(recipes, self._opened(settled.recipe, made)))
        result = self._save(last, target, settled.choices)
        workshop.clear()
        return result

    def editing(self) -> Editing:
        """Understand a single recipe that searches for nothing, for another way of writing its result."""
        return self._done(self.understanding())

    def understanding(self) -> Steps[Editing]:
        """Take the steps of :meth:`editing`."""
        return _editing_of(self._last(self.file.recipes, self._opened()))

    def _plan(self, recipe: Recipe, out: Path) -> Plan:
        stand_ins = {str(one.name): _stand_in(one, self.file.recipes) for one in self.file.recipes[:-1]}
        opened = self._opened(started(recipe), stand_ins)
        steps = (self._last if recipe.name is None else self._work)([opened.recipe], opened)
        plan = plan_editing(_editing_of(steps), out if recipe.name is None else Workshop(out).nowhere, self.options)
        trials = num_trials(recipe)
        tried = [_repeated(planned, trials) for planned in plan.passes] if trials else []
        is_hashed = self.sha256 and recipe.output.card and recipe.name is None
        hashed = plan_hashes(input_files(opened), self.options) if is_hashed else ()
        return replace(plan, passes=(*tried, *plan.passes, *hashed))

    def _intermediate(self, workshop: Workshop, recipes: Sequence[Recipe], made: Made) -> Path:
        work = self._done(self._work(recipes, self._opened(recipes[-1], made)))
        place = workshop.place(str(recipes[-1].name), work.key)
        if not place.exists():
            work.editing.save(place, partial(documents, place, work))
        return place

    def _score(self, workshop: Workshop, made: Made, recipe: Recipe) -> float:
        work = self._done(self._work([recipe], self._opened(recipe, made)))

        def measure(candidate: Path) -> float:
            work.editing.save(candidate, partial(documents, candidate, work))
            return self._validate(candidate)

        return workshop.score(work.key, measure)

    def _opened(self, recipe: Recipe | None = None, made: Made | None = None) -> Opened:
        return Opened(recipe or self.file.last, self.file.given, made or {}, self.options)

    def _done(self, steps: Steps[T]) -> T:
        return run_steps(steps, self.options)

    def _work(self, recipes: Sequence[Recipe], opened: Opened) -> Steps[Work]:
        """Understand the last of some recipes, whose models are opened."""
        recipe = opened.recipe
        record = {**opened.moved, "recipe": public_text(recipes), **self.record}
        output = OutputOptions(_dtype(recipe), _shard_size(recipe), record, public=opened.public)
        preamble = opened.preamble
        editing = yield from Editing.understanding(opened.ground, recipe.result, preamble=preamble, output=output)
        return Work(recipes, self.file.given, opened, editing)

    def _last(self, recipes: Sequence[Recipe], opened: Opened) -> Steps[Work]:
        """Understand the recipe whose result is the output, beside its truth where that is asked for."""
        if not self.measure:
            return (yield from self._work(recipes, opened))
        tasks, work = opened.truth, (yield from self._work(recipes, opened))
        truth = yield from Editing.understanding(tasks, opened.recipe.result, preamble=opened.preamble)
        return replace(work, editing=work.editing.with_truth(truth))

    def _save(self, work: Work, out: Path, choices: Mapping[str, ScalingChoice]) -> EditResult:
        """Write the output and what lies beside it."""
        return work.editing.save(out, partial(documents, out, work, choices, sha256=self.sha256))

    @property
    def _validate(self) -> Validate:
        if self.validate is not None:
            return self.validate
        command = self.file.last.validation
        return validate_by(command.command if command else ())


def _editing_of(steps: Steps[Work]) -> Steps[Editing]:
    work = yield from steps
    return work.editing


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
    file = RecipeFile.of_store(path, expression, basis=basis, addition=addition)
    said = file.overridden(dtype=how.dtype, shard_size=how.shard_size)
    return Merging(said, store.options, sha256=False, record=how.record, measure=measure).save(out)


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
    from taskvec.editing.recipe.loading import load_recipe

    how, limits = output or OutputOptions(), options or RunOptions()
    file = load_recipe(recipe).overridden(dtype=how.dtype, shard_size=how.shard_size, seed=seed)
    return Merging(file, limits, sha256=sha256, validate=validate, record=how.record, measure=measure).save(out)


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
