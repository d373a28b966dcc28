"""A model at coefficients that is only made when a measurement of it is not kept yet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.cached import Kept
from experiments.toxicity.measuring import Bench, Found, found_in
from taskvec.evaluation import InPlace, Metrics, SimpleTask

TOXICITY = "toxicity"


@dataclass(frozen=True)
class State:
    """A model that may have been measured before.

    Attributes:
        deciding: What it is made of; equal for equal models.
        module: Makes it.
    """

    deciding: Mapping[str, object]
    module: Callable[[], Any]


class Remembered:
    """Stands where :class:`taskvec.evaluation.InPlace` does, and gives states in the place of modules.

    Attributes:
        directions: What the directions are made of.
    """

    def __init__(self, directions: Mapping[str, object], base: str, make: Callable[[], InPlace]) -> None:
        self.directions = directions
        self._base = base
        self._make = make
        self._made: InPlace | None = None

    def __enter__(self) -> "Remembered":
        return self

    def __exit__(self, *_: object) -> None:
        if self._made is not None:
            self._made.restore()
        self._made = None

    def with_coefficients(self, coefficients: Mapping[str, float]) -> State:
        """The model θ₀ + Σ cᵢ τᵢ; where all cᵢ are 0 it is the base, whatever the direction."""
        used = {name: value for name, value in coefficients.items() if value}
        deciding = {"base": self._base, **({"directions": self.directions, "at": used} if used else {})}
        return State(deciding, lambda: self._model().with_coefficients(used))

    def restore(self) -> State:
        """The base."""
        return self.with_coefficients({})

    def _model(self) -> InPlace:
        if self._made is None:
            self._made = self._make()
        return self._made


@dataclass(frozen=True)
class Memory:
    """Measurements, each taken once.

    Attributes:
        bench: How they are taken.
        kept: Where they are.
    """

    bench: Bench
    kept: Kept

    def language(self, state: State, part: str) -> Found:
        """Toxicity and perplexities."""
        return found_in(self._value("language", state, part, lambda: self.bench.language(state.module(), part)))

    def domains(self, state: State, part: str) -> dict[str, tuple[float, int]]:
        """Losses of the corpora that were trained on."""
        found = self._value("domains", state, part, lambda: self.bench.domains(state.module(), part))
        return {name: (total, tokens) for name, (total, tokens) in found.items()}

    def questions(self, state: State) -> list[bool]:
        """Right and wrong answers."""
        found: list[bool] = self._value("questions", state, "test", lambda: self.bench.questions(state.module()))
        return found

    def toxicity_task(self) -> SimpleTask:
        """Less toxic is better."""
        return SimpleTask(
            TOXICITY,
            lambda state: {"score": self.language(_state(state), "validation").toxicity},
            lambda state: {"score": self.language(_state(state), "test").toxicity},
            primary="score",
            higher_is_better=False,
        )

    def perplexity_task(self, corpus: str) -> SimpleTask:
        """A control: its perplexity should not grow."""

        def measure(state: Any, part: str) -> Metrics:
            return {"perplexity": self.language(_state(state), part).perplexity(corpus)}

        return SimpleTask(
            corpus,
            lambda state: measure(state, "validation"),
            lambda state: measure(state, "test"),
            primary="perplexity",
            higher_is_better=False,
        )

    def _value(self, name: str, state: State, part: str, compute: Callable[[], Any]) -> Any:
        return self.kept.value(name, compute, state=state.deciding, how=self.bench.deciding(part), part=part)


def _state(model: Any) -> State:
    state: State = model
    return state
