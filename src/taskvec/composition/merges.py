"""Merges in expressions: ``ties(math, code, density=0.2)`` stands for a vector that is made of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taskvec.composition.ties import DENSITY, TiesMerge, check_density
from taskvec.errors import CompositionError, ExpressionError
from taskvec.streaming import RunOptions
from taskvec.vectors.expressions import MergeFunction, OptionValue
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class MergeCall:
    """A merge that an expression asks for.

    Attributes:
        key: Its canonical text, under which its vector is known.
        vectors: The coefficients of each argument, by names and by keys of merges within.
        density: The fraction of each tensor that is kept.
    """

    key: str
    vectors: tuple[Weights, ...]
    density: float


class Merges:
    """The merges of one expression, gathered while it is evaluated; inner ones come before those that need them.

    Attributes:
        calls: Key → merge.
    """

    def __init__(self) -> None:
        self.calls: dict[str, MergeCall] = {}

    @property
    def functions(self) -> Mapping[str, MergeFunction]:
        """What an expression may call."""
        return {"ties": self._ties}

    def used(self, keys: Iterable[str]) -> list[MergeCall]:
        """Return the merges among some keys and within them, inner ones first."""
        wanted = set(self._within(keys))
        return [call for key, call in self.calls.items() if key in wanted]

    def names(self, keys: Iterable[str]) -> list[str]:
        """Return the names of stored vectors among some keys and within the merges among them, each once."""
        return [key for key in dict.fromkeys(self._within(keys)) if key not in self.calls]

    def make(
        self, keys: Iterable[str], vectors: Mapping[str, TaskVector], base: Source, options: RunOptions
    ) -> tuple[TiesMerge, ...]:
        """Make the merges among some keys and within them.

        Args:
            keys: What an expression uses.
            vectors: The task vector of every name.
            base: The base of all of them.
            options: The limits.

        Returns:
            The merges, inner ones first; nothing is read yet.
        """
        known = dict(vectors)
        made: list[TiesMerge] = []
        for call in self.used(keys):
            named = {_text(weights): _combined(weights, known, base) for weights in call.vectors}
            merge = TiesMerge(call.key, named, call.density, options)
            known[call.key] = merge.vector
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

    def _ties(self, vectors: Sequence[Weights], options: Mapping[str, OptionValue]) -> str:
        density = _density(options)
        texts = [_text(vector) for vector in vectors]
        if len(set(texts)) < len(texts):
            raise ExpressionError("ties takes each task vector once; remove the repeated one")
        key = f"ties({', '.join(texts)}, density={density!r})"
        self.calls[key] = MergeCall(key, tuple(dict(vector) for vector in vectors), density)
        return key


def _density(options: Mapping[str, OptionValue]) -> float:
    """Take the one option of ties.

    Raises:
        ExpressionError: If another is given, or its value is no density.
    """
    odd = [name for name in options if name != "density"]
    if odd:
        raise ExpressionError(f"ties takes no option {odd[0]!r}; it takes density alone, such as density={DENSITY}")
    density = options.get("density", DENSITY)
    if isinstance(density, bool | str):
        raise ExpressionError(f"ties: density is {density}, expected a number such as density={DENSITY}")
    try:
        check_density(density)
    except CompositionError as error:
        raise ExpressionError(str(error)) from error
    return float(density)


def _text(weights: Weights) -> str:
    return (
        " + ".join(name if weight == 1 else f"{weight!r}*{name}" for name, weight in weights.items() if weight) or "0"
    )


def _combined(weights: Weights, known: Mapping[str, TaskVector], base: Source) -> TaskVector:
    total = TaskVector.from_terms(base, {})
    for name, weight in weights.items():
        if weight:
            total += weight * known[name]
    return total
