"""From a mergekit recipe to ours; only names and numbers are looked at, no model is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from taskvec.checkpoints.quoting import listed, quoted
from taskvec.editing.recipe.mergekit.schema import MergekitRecipe, Parameters
from taskvec.editing.recipe.mergekit.settings import Scope, own_setting
from taskvec.editing.recipe.mergekit.slots import Slot, Slots
from taskvec.editing.recipe.mistakes import meant
from taskvec.editing.recipe.schema import Recipe
from taskvec.editing.recipe.steps import check_options
from taskvec.errors import CompositionError, RecipeError
from taskvec.expressions import BASE
from taskvec.methods.method import Method, Takes
from taskvec.methods.parameter import Parameter, Unset
from taskvec.methods.registry import find_method

MERGED = "_merged"
"""What the merge is called in the recipe that is made."""

PASSTHROUGH = "passthrough"
_UNION = "union"

_BASE_IS_INPUT = frozenset({"linear", "karcher", PASSTHROUGH, "slerp"})
"""Methods that merge the base like any other model."""

_BASE_IS_MEANT = frozenset({"slerp"})
"""Methods of any models, of which mergekit wants to know the base nevertheless."""

_OURS = frozenset({"semantics", "points", "seed", "scaling", "trim"})
_NO_LAMBDA = frozenset({"linear"})

_DTYPES = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9]+")


def translate(given: MergekitRecipe) -> Recipe:
    """Say in our words what a mergekit recipe says.

    Args:
        given: The recipe.

    Returns:
        Ours, whose result is the same model.

    Raises:
        RecipeError: If it asks for what we cannot do.
    """
    slots = Slots.of(given)
    if given.merge_method == PASSTHROUGH and not _settings_of(slots):
        return _as_it_is(given, slots)
    try:
        method = find_method(given.merge_method)
    except CompositionError as error:
        raise RecipeError(f"merge_method: {error}") from None
    return _Translation(given, method, slots).recipe()


def _as_it_is(given: MergekitRecipe, slots: Slots) -> Recipe:
    """Take one model, or one stack of layers, as it is.

    Raises:
        RecipeError: If there are several.
    """
    every = (*([slots.base] if slots.base else []), *slots.inputs)
    if len(every) > 1:
        found = listed(slot.models[0] for slot in every)
        raise RecipeError(f"passthrough takes one model as it is, found {found}; name one, or write slices")
    return Recipe.model_validate({"base": every[0].source, "result": BASE, "output": _output(given, every[0], {})})


class _Translation:
    def __init__(self, given: MergekitRecipe, method: Method, slots: Slots) -> None:
        self._given = given
        self._method = method
        self._slots = slots
        self._base, self._inputs = self._roles()
        self._check_number()
        self._is_of_points = method.takes is Takes.POINTS  # such a method may be given the base by its name
        others = [slot for slot in self._inputs if slot is not self._base or not self._is_of_points]
        self._by_name = dict(zip(names_of(slot.models[0] for slot in others), others, strict=True))

    def recipe(self) -> Recipe:
        for settings in _settings_of(self._slots):
            self._check_names(settings)
        data = {
            "base": self._base.source,
            "vectors": {name: {"model": slot.source} for name, slot in self._by_name.items()},
            "steps": {MERGED: self._step()},
            "result": f"{BASE} + {MERGED}",
            "semantics": self._given.semantics,
            "output": _output(self._given, self._base, self._by_name),
        }
        recipe = Recipe.model_validate(data)
        self._check_options(recipe)
        return recipe

    def _roles(self) -> tuple[Slot, tuple[Slot, ...]]:
        """Return the reference from which deltas are taken, and what is merged.

        Raises:
            RecipeError: If the method needs a base and there is none, or takes fewer models.
        """
        name, base, inputs = self._method.name, self._slots.base, self._slots.inputs
        if (self._method.needs_base or name in _BASE_IS_MEANT) and base is None:
            raise RecipeError(f"merge_method {name} needs a base: write base_model")
        if base is not None and name not in _BASE_IS_INPUT:
            return base, inputs
        everything = (*([base] if base else []), *inputs)
        return everything[0], everything

    def _check_number(self) -> None:
        """Refuse more or fewer models than the method takes.

        Raises:
            RecipeError: If that is so.
        """
        found, method = [slot.models[0] for slot in self._inputs], self._method
        if len(found) < method.min_inputs or len(found) > (method.max_inputs or len(found)):
            beside = "" if self._base in self._inputs else " beside base_model"
            expected = method.inputs.replace("task vector", "model")
            raise RecipeError(
                f"merge_method {method.name} takes {expected}{beside}, found {len(found)}: {listed(found) or 'none'}"
            )

    def _step(self) -> dict[str, Any]:
        merged = (
            {BASE: self._base, **self._by_name} if self._base in self._inputs and self._is_of_points else self._by_name
        )
        own = [parameter for parameter in self._method.parameters if parameter.per_vector]
        common = [parameter for parameter in self._method.parameters if not parameter.per_vector]
        options = {parameter.name: self._common(parameter) for parameter in common if parameter.name != "semantics"}
        if self._slots.base is None and any(parameter.name == "points" for parameter in common):
            options["points"] = True
        return {
            "method": self._method.name,
            "vectors": {
                name: _given({parameter.name: self._own(parameter, slot) for parameter in own})
                for name, slot in merged.items()
            },
            "options": _given(options),
        }

    def _own(self, parameter: Parameter, slot: Slot) -> Any:
        scopes = [
            Scope(layers, tuple(_found(parameter, (own, *shared))))
            for layers, own, shared in zip(self._slots.layers, slot.parameters, self._slots.shared, strict=True)
        ]
        setting = own_setting(parameter, scopes)
        if setting is None and parameter.default_for(self._given.semantics) is Unset.REQUIRED:
            raise RecipeError(
                f"{self._method.name} needs {parameter.alias or parameter.name} for {quoted(slot.models[0])}: "
                f"write it into its parameters"
            )
        return setting

    def _common(self, parameter: Parameter) -> Any:
        pairs = zip(self._slots.layers, self._slots.shared, strict=True)
        return own_setting(parameter, [Scope(layers, tuple(_found(parameter, shared))) for layers, shared in pairs])

    def _check_options(self, recipe: Recipe) -> None:
        """Refuse values that the method cannot take, in the words of who wrote them.

        Raises:
            RecipeError: If there is one; those that differ by tensor are looked at when the models are open.
        """
        try:
            check_options(recipe.steps[MERGED], recipe.semantics)
        except CompositionError as error:
            raise RecipeError(f"merge_method {error}") from None

    def _check_names(self, settings: Parameters) -> None:
        parameters = self._method.parameters
        known = {*(p.name for p in parameters), *(p.alias for p in parameters if p.alias), *self._method.ignored}
        known -= _OURS | ({"lambda"} if self._method.name in _NO_LAMBDA else set())
        for name in settings:
            if name not in known:
                listing = ", ".join(sorted(known)) or "none"
                raise RecipeError(
                    f"{self._method.name} takes no parameter {quoted(name)}{meant(name, known)} (known: {listing})"
                )


def _output(given: MergekitRecipe, base: Slot, others: Mapping[str, Slot]) -> dict[str, Any]:
    return _given({"dtype": _dtype(given), "tokenizer": _tokenizer(given, base, others)})


def _dtype(given: MergekitRecipe) -> str | None:
    text = given.out_dtype or given.dtype
    if text is not None and text.removeprefix("torch.") not in _DTYPES:
        raise RecipeError(f"dtype {quoted(text)} is not supported: use {', '.join(_DTYPES)}")
    return None if text is None else _DTYPES[text.removeprefix("torch.")]


def _tokenizer(given: MergekitRecipe, base: Slot, others: Mapping[str, Slot]) -> str | None:
    wanted = given.wanted_tokenizer
    if wanted in {None, BASE, _UNION}:
        return wanted
    if wanted == base.models[0]:
        return BASE
    name = next((name for name, slot in others.items() if slot.models[0] == wanted), None)
    if name is None:
        known = [base.models[0], *(slot.models[0] for slot in others.values())]
        raise RecipeError(f"tokenizer_source {quoted(wanted)} is none of the models{meant(str(wanted), known)}")
    return name


def _settings_of(slots: Slots) -> list[Parameters]:
    """Return everything that is set anywhere."""
    every = [slots.base] if slots.base else []
    own = [settings for slot in (*every, *slots.inputs) for settings in slot.parameters]
    return [settings for settings in (*own, *(one for shared in slots.shared for one in shared)) if settings]


def _found(parameter: Parameter, levels: Iterable[Parameters]) -> Iterable[Any]:
    names = [name for name in (parameter.name, parameter.alias) if name is not None]
    return (level[name] for level in levels for name in names if name in level)


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def names_of(models: Iterable[str]) -> tuple[str, ...]:
    """Make of each model's last path component a name that expressions can use, each another."""
    names: list[str] = []
    for model in models:
        stem = _UNNAMEABLE.sub("_", PurePath(model).name).strip("_") or "model"
        stem = f"m{stem}" if stem[0].isdigit() or stem in {"base", "true", "false"} else stem
        name, count = stem, 1
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.append(name)
    return tuple(names)
