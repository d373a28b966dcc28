"""Merges in expressions: ``ties(math, code, density=0.2)`` stands for a vector that is made of others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from taskvec.errors import CompositionError, ExpressionError
from taskvec.expressions import BASE, MergeFunction, OptionValue
from taskvec.streaming import RunOptions
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector

if TYPE_CHECKING:  # an edit without a merge starts without the methods
    from taskvec.merging.combining import KnownProducts
    from taskvec.merging.merge import Merge
    from taskvec.methods import Method
    from taskvec.methods.settings import Given, Settings

Weights = Mapping[str, float]

_ROUNDING = 1e-12  # weights that add up to 1 but for rounding leave the base alone


@dataclass(frozen=True, slots=True)
class MergeCall:
    """A merge that an expression asks for.

    Attributes:
        key: Its canonical text, under which its vector is known.
        method: The method.
        vectors: The coefficients of each argument, by names and by keys of merges within.
        given: The method's options.
    """

    key: str
    method: Method
    vectors: tuple[Weights, ...]
    given: Mapping[str, Given]


class Merges:
    """The merges of one expression, gathered while it is evaluated; inner ones come before those that need them.

    Attributes:
        calls: Key → merge.
    """

    def __init__(self, defaults: Mapping[str, OptionValue] | None = None) -> None:
        """Begin without any.

        Args:
            defaults: Options that are given to every method that has them, where a call does not give others.
        """
        self.calls: dict[str, MergeCall] = {}
        self._defaults = defaults or {}

    @property
    def functions(self) -> Mapping[str, MergeFunction]:
        """What an expression may call."""
        from taskvec.methods import METHODS

        return {name: partial(self._call, method) for name, method in METHODS.items()}

    def used(self, keys: Iterable[str]) -> list[MergeCall]:
        """Return the merges among some keys and within them, inner ones first."""
        wanted = set(self._within(keys))
        return [call for key, call in self.calls.items() if key in wanted]

    def names(self, keys: Iterable[str]) -> list[str]:
        """Return the names of stored vectors among some keys and within the merges among them, each once."""
        return [key for key in dict.fromkeys(self._within(keys)) if key not in self.calls]

    def exchange(self, old: Collection[str], new: Sequence[str]) -> None:
        """Merge other vectors wherever all of some are merged, each of these once and alone.

        Args:
            old: The names that a merge must have, in any order.
            new: The names in their place.

        Raises:
            ExpressionError: If such a merge has a number for each of the old ones.
        """
        wanted = [{name: 1.0} for name in old]
        for key, call in self.calls.items():
            given = [{name: weight for name, weight in weights.items() if weight} for weights in call.vectors]
            if len(given) == len(wanted) and all(one in given for one in wanted):
                single = [option for option, value in call.given.items() if isinstance(value, tuple)]
                if single:
                    raise ExpressionError(
                        f"{call.method.name}: {single[0]} has a number for each task, and atoms are none of them: give "
                        "one number for all, or take the recovered vectors (without --add-atoms)"
                    )
                self.calls[key] = replace(call, vectors=tuple({name: 1.0} for name in new))

    def make(
        self,
        keys: Iterable[str],
        vectors: Mapping[str, TaskVector],
        base: Source,
        options: RunOptions,
        known: KnownProducts | None = None,
    ) -> tuple[Merge, ...]:
        """Make the merges among some keys and within them.

        Args:
            keys: What an expression uses.
            vectors: The task vector of every name.
            base: The base of all of them.
            options: The limits.
            known: Who may know inner products of the vectors.

        Returns:
            The merges, inner ones first; nothing is read yet.
        """
        used = self.used(keys)
        if not used:
            return ()
        from taskvec.merging.merge import Merge

        there = dict(vectors)
        made: list[Merge] = []
        for call in used:
            named = {text_of(weights): _combined(weights, there, base) for weights in call.vectors}
            merge = Merge(call.method, named, call.given, name=call.key, base=base, options=options, known=known)
            there[call.key] = merge.vector
            made.append(merge)
        return tuple(made)

    def _within(self, keys: Iterable[str]) -> list[str]:
        found: list[str] = []
        waiting = [*keys][::-1]
        while waiting:
            key = waiting.pop()
            found.append(key)
            if key in self.calls:
                waiting.extend(
                    name for weights in self.calls[key].vectors for name, weight in weights.items() if weight
                )
        return found

    def add(self, key: str, method: Method, vectors: Sequence[Weights], given: Mapping[str, Given]) -> None:
        """Ask for a merge.

        Args:
            key: Under what its vector will be known.
            method: The method.
            vectors: The coefficients of each argument, by names and by keys of merges that were added before.
            given: The method's options, checked.
        """
        deltas = _deltas(method, vectors)
        given = self._with_defaults(method, given)
        _settings(method, deltas, given)
        self.calls[key] = MergeCall(key, method, deltas, given)

    def _call(self, method: Method, vectors: Sequence[Weights], given: Mapping[str, OptionValue]) -> Weights:
        deltas = _deltas(method, vectors)
        given = self._with_defaults(method, given)
        settings = _settings(method, deltas, given)
        linear = _combination(settings, method)
        if linear is not None:
            return _summed(linear, deltas)
        key = f"{method.name}({', '.join([*map(text_of, deltas), settings.text]).removesuffix(', ')})"
        self.calls[key] = MergeCall(key, method, deltas, given)
        return {key: 1.0}

    def _with_defaults(self, method: Method, given: Mapping[str, Given]) -> Mapping[str, Given]:
        known = {parameter.name for parameter in method.parameters}
        return {**{name: value for name, value in self._defaults.items() if name in known}, **given}


def _deltas(method: Method, vectors: Sequence[Weights]) -> tuple[Weights, ...]:
    """Return the arguments of a merge without the base.

    Raises:
        ExpressionError: If one occurs twice.
    """
    deltas = tuple(_delta(vector, method) for vector in vectors)
    if len(set(map(text_of, deltas))) < len(deltas):
        raise ExpressionError(f"{method.name} takes each task vector once; remove the repeated one")
    return deltas


def _settings(method: Method, deltas: Sequence[Weights], given: Mapping[str, Given]) -> Settings:
    """Check the options of a merge.

    Raises:
        ExpressionError: If the method cannot take them.
    """
    try:
        return method.settings([text_of(delta) for delta in deltas], given)
    except CompositionError as error:
        raise ExpressionError(str(error)) from error


def _delta(vector: Weights, method: Method) -> Weights:
    """Return an argument without the base, which whole models may be written with.

    Raises:
        ExpressionError: If the method takes deltas, or the base occurs more than once.
    """
    from taskvec.methods import Takes

    bases = vector.get(BASE, 0.0)
    if BASE in vector and (method.takes is not Takes.POINTS or bases != 1):
        what = "task vectors alone: no numbers, and no base" if method.takes is not Takes.POINTS else "one base at most"
        raise ExpressionError(f"{method.name} takes {what}")
    return {name: weight for name, weight in vector.items() if name != BASE}


def _combination(settings: Settings, method: Method) -> list[float] | None:
    """Return the coefficients of a merge that is linear whatever its vectors hold, and adds no base; else None."""
    from taskvec.methods.method import Combination

    options = settings.at("")
    rule = method.rule_for(options)
    if not isinstance(rule, Combination) or rule.gram is not None:
        return None
    weights: list[float] = rule.coefficients(None, options).tolist()
    is_affine = abs(sum(weights) - 1.0) <= _ROUNDING
    return weights if is_affine or not rule.points(options) else None


def _summed(weights: Sequence[float], vectors: Sequence[Weights]) -> Weights:
    total: dict[str, float] = {}
    for weight, vector in zip(weights, vectors, strict=True):
        for name, own in vector.items():
            total[name] = total.get(name, 0.0) + weight * own
    return total


def text_of(weights: Weights) -> str:
    """Return coefficients as an expression has them."""
    return (
        " + ".join(name if weight == 1 else f"{weight!r}*{name}" for name, weight in weights.items() if weight) or "0"
    )


def _combined(weights: Weights, known: Mapping[str, TaskVector], base: Source) -> TaskVector:
    total = TaskVector.from_terms(base, {})
    for name, weight in weights.items():
        if weight:
            total += weight * known[name]
    return total
