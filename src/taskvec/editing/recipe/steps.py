"""The steps of a recipe, defined in the scope of its expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from taskvec.editing.recipe.layers import LayerNames
from taskvec.editing.recipe.schema import Recipe, SearchedParameter, Step
from taskvec.editing.recipe.settings import Scalar, Setting, is_constant, value_at
from taskvec.editing.scope.names import Scope
from taskvec.editing.scope.over_checkpoints import PART_REMEDY, STORELESS
from taskvec.errors import ExpressionError, RecipeError, TaskvecError
from taskvec.expressions import Weights
from taskvec.expressions.leaves import names_in

if TYPE_CHECKING:
    from taskvec.methods import Method
    from taskvec.methods.settings import Given


def define_steps(recipe: Recipe, names: LayerNames, scope: Scope) -> None:
    """Define the parameters and steps of a recipe, in order.

    Args:
        recipe: The recipe; its parameters are all numbers.
        names: The tensors of the base, as they lie in layers.
        scope: Where its expressions are read.

    Raises:
        RecipeError: If a step cannot be understood; the message names it.
    """
    for name, value in recipe.parameters.items():
        if not isinstance(value, SearchedParameter):
            scope.define_number(name, value)
    for name, step in recipe.steps.items():
        try:
            _define(name, step, names, scope, recipe.semantics)
        except (ExpressionError, RecipeError) as error:
            raise RecipeError(f"step {name}: {error}") from None
        except TaskvecError as error:
            raise type(error)(f"step {name}: {error}") from None


def check_options(step: Step, semantics: str) -> None:
    """Check the options of a step that are the same for all tensors; no model is opened.

    Args:
        step: A step with a method.
        semantics: Whose definitions are meant.

    Raises:
        CompositionError: If the method cannot take them.
        RecipeError: If one is not where it must be.
    """
    from taskvec.methods import METHODS

    given = _given(step, LayerNames.of(()), semantics)
    method = METHODS.find(str(step.method))
    method.settings(list(step.vectors), {"semantics": semantics, **given} if method.mergekit else given)


def used_vectors(recipe: Recipe, names: LayerNames) -> list[str]:
    """Return the names of the vectors that the result of a recipe without a store is made of."""
    scope = Scope(recipe.vectors, STORELESS, tensors=names.names, part_remedy=PART_REMEDY)
    define_steps(recipe, names, scope)
    return list(map(str, names_in(scope.form(recipe.result).used)))


def _define(name: str, step: Step, names: LayerNames, scope: Scope, semantics: str) -> None:
    from taskvec.methods import METHODS

    is_scaled = step.coefficients != 1
    vector: str | Weights = str(step.expression)
    if step.method is not None:
        own = f"{name} before its coefficients" if is_scaled else name
        vector = scope.merge(own, METHODS.find(step.method), list(step.vectors), _given(step, names, semantics))
    if is_scaled:
        weight = _of_tensor(step.coefficients, names, f"coefficients of {name}")
        vector = scope.merge(name, METHODS["task_arithmetic"], [vector], {"weight": weight})
    scope.define(name, vector)


def _given(step: Step, names: LayerNames, semantics: str) -> dict[str, Given]:
    """Join the options of all vectors and of each to options as the method takes them."""
    from taskvec.methods import METHODS

    method = METHODS.find(str(step.method))
    given: dict[str, Given] = {key: _of_tensor(value, names, key) for key, value in step.options.items()}
    for key in dict.fromkeys(key for options in step.vectors.values() for key in options):
        common = step.options.get(key, _default(method, key, semantics))
        settings = {vector: options.get(key, common) for vector, options in step.vectors.items()}
        given[key] = _of_vectors(_complete(settings, f"{method.name} needs {key}"), names, key)
    return given


def _default(method: Method, key: str, semantics: str) -> Setting | None:
    """Return what an option of a vector is if not given, None where it must be.

    Raises:
        RecipeError: If it is no option of single vectors.
    """
    parameter = next((one for one in method.parameters if key in {one.name, one.alias}), None)
    if parameter is None:
        return None  # the method itself refuses what it does not know, and says what was meant
    if not parameter.per_vector:
        raise RecipeError(f"{key} is the same for all vectors of {method.name}; write it into options")
    default = parameter.default_for(semantics)
    return default if isinstance(default, bool | int | float | str) else None


def _complete(settings: Mapping[str, Setting | None], what: str) -> list[Setting]:
    """Refuse settings of which one is missing.

    Raises:
        RecipeError: If one is.
    """
    lacking = [vector for vector, setting in settings.items() if setting is None]
    if lacking:
        raise RecipeError(f"{what} for {lacking[0]} too; write it beside the others")
    return [setting for setting in settings.values() if setting is not None]


def _of_vectors(settings: Sequence[Setting], names: LayerNames, what: str) -> Given:
    if all(map(is_constant, settings)):
        return tuple(settings)
    return partial(_values, tuple(settings), names, what)


def _values(settings: Sequence[Setting], names: LayerNames, what: str, tensor: str) -> tuple[Scalar, ...]:
    return tuple(value_at(setting, tensor, names, what) for setting in settings)


def _of_tensor(setting: Setting, names: LayerNames, what: str) -> Given:
    if is_constant(setting):
        return setting
    return partial(_value, setting, names, what)


def _value(setting: Setting, names: LayerNames, what: str, tensor: str) -> Scalar:
    return value_at(setting, tensor, names, what)
