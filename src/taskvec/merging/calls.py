"""Merges in expressions: ``ties(math, code, density=0.2)`` stands for a vector that is made of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from taskvec.errors import CompositionError, ExpressionError
from taskvec.expressions import THE_BASE, Leaf, Merged, Terms, Weights
from taskvec.expressions.leaves import merges_in, terms_of, text_of
from taskvec.merging.combining import KnownProducts
from taskvec.merging.merge import Merge
from taskvec.methods import Method, Takes
from taskvec.methods.rule import Combination
from taskvec.methods.settings import Given, Settings
from taskvec.streaming import RunOptions
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector, combined

_ROUNDING = 1e-12  # weights that add up to 1 but for rounding leave the base alone


def named_merge(name: str, method: Method, vectors: Sequence[Weights], given: Mapping[str, Given]) -> Merged:
    """Return a merge under a name of its own.

    Args:
        name: What messages and records call it.
        method: The method.
        vectors: What is merged; of a method for whole models each may hold the base once.
        given: The method's options.

    Returns:
        The leaf.

    Raises:
        ExpressionError: If the method cannot take the vectors or the options.
    """
    arguments = _arguments(method, vectors)
    return _leaf(method, arguments, _settings(method, arguments, given), name)


def called(method: Method, vectors: Sequence[Weights], given: Mapping[str, Given]) -> Weights:
    """Return what a call in an expression means: a sum where the merge is one whatever its vectors hold, else a leaf.

    Args:
        method: The method.
        vectors: Its arguments.
        given: The method's options.

    Returns:
        The coefficients.

    Raises:
        ExpressionError: If the method cannot take them.
    """
    arguments = _arguments(method, vectors)
    settings = _settings(method, arguments, given)
    linear = _combination(settings, method)
    return {_leaf(method, arguments, settings): 1.0} if linear is None else _summed(linear, arguments)


def make_merges(
    leaves: Iterable[Leaf],
    vectors: Mapping[Leaf, TaskVector],
    base: Source,
    options: RunOptions,
    known: KnownProducts | None = None,
) -> Mapping[Leaf, Merge]:
    """Make the merges among some leaves and within them.

    Args:
        leaves: What an expression uses.
        vectors: The task vector of every name.
        base: The base of all of them.
        options: The limits.
        known: Who may know inner products of the vectors.

    Returns:
        The merges, inner ones first; nothing is read yet.
    """
    there, made = dict(vectors), dict[Leaf, Merge]()
    for leaf in merges_in(leaves):
        named = {
            text_of(argument): combined(base, [(there[one], weight) for one, weight in argument])
            for argument in leaf.arguments
        }
        made[leaf] = Merge(
            leaf.method, named, dict(leaf.options), name=str(leaf), base=base, options=options, known=known
        )
        there[leaf] = made[leaf].vector
    return made


def _arguments(method: Method, vectors: Sequence[Weights]) -> tuple[Terms, ...]:
    """Return the arguments of a merge without the base.

    Raises:
        ExpressionError: If one occurs twice.
    """
    arguments = tuple(_delta(vector, method) for vector in vectors)
    if len(set(arguments)) < len(arguments):
        raise ExpressionError(f"{method.name} takes each task vector once; remove the repeated one")
    return arguments


def _delta(vector: Weights, method: Method) -> Terms:
    """Return an argument without the base, which whole models may be written with.

    Raises:
        ExpressionError: If the method takes deltas, or the base occurs more than once.
    """
    bases = vector.get(THE_BASE, 0.0)
    if THE_BASE in vector and (method.takes is not Takes.POINTS or bases != 1):
        what = "task vectors alone: no numbers, and no base" if method.takes is not Takes.POINTS else "one base at most"
        raise ExpressionError(f"{method.name} takes {what}")
    return terms_of({leaf: weight for leaf, weight in vector.items() if leaf != THE_BASE})


def _settings(method: Method, arguments: Sequence[Terms], given: Mapping[str, Given]) -> Settings:
    """Check the options of a merge.

    Raises:
        ExpressionError: If the method cannot take them.
    """
    try:
        return method.settings(list(map(text_of, arguments)), given)
    except CompositionError as error:
        raise ExpressionError(str(error)) from error


def _leaf(method: Method, arguments: tuple[Terms, ...], settings: Settings, name: str | None = None) -> Merged:
    declared = [parameter.name for parameter in method.parameters]
    options = tuple((key, settings.given[key]) for key in declared if key in settings.given)
    return Merged(method.name, arguments, options, name)


def _combination(settings: Settings, method: Method) -> list[float] | None:
    """Return the coefficients of a merge that is linear whatever its vectors hold, and adds no base; else None."""
    options = settings.at("")
    rule = method.rule_for(options)
    if not isinstance(rule, Combination) or rule.gram is not None:
        return None
    weights: list[float] = rule.coefficients(None, options).tolist()
    is_affine = abs(sum(weights) - 1.0) <= _ROUNDING
    return weights if is_affine or not rule.points(options) else None


def _summed(weights: Sequence[float], arguments: Sequence[Terms]) -> Weights:
    total: dict[Leaf, float] = {}
    for weight, terms in zip(weights, arguments, strict=True):
        for leaf, own in terms:
            total[leaf] = total.get(leaf, 0.0) + weight * own
    return total
