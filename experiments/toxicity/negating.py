"""Negation as a curve over λ, by the library's own function: λ by validation, then test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from experiments.toxicity.directions import CLOSELY, COMPARED, MAIN, OPTIONS, Method, Vectors
from experiments.toxicity.measuring import Found
from experiments.toxicity.plan import Plan
from experiments.toxicity.remembered import Memory, Remembered
from taskvec.evaluation import InPlace, negation

TAU = "τ"
MORE_POINTS = 2  # past the largest λ, where it still keeps perplexity


@dataclass(frozen=True)
class Line:
    """One method at one seed.

    Attributes:
        method: Its name.
        seed: The seed.
        chosen: λ; 0 where no λ keeps perplexity on validation.
        validation: λ → what was measured, the base at 0.
        test: The same of the test data: at all λ where curves are compared, at 0 and the chosen λ otherwise.
        answers: Whether each question was answered rightly at the chosen λ; of main methods.
    """

    method: str
    seed: int
    chosen: float
    validation: Mapping[float, Found]
    test: Mapping[float, Found]
    answers: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Negating:
    """What negations have in common.

    Attributes:
        memory: Measurements.
        plan: λ, and how much perplexity may grow.
        base: The name of the base, which stands for its content.
        model: Makes the base's module, when it is needed.
    """

    memory: Memory
    plan: Plan
    base: str
    model: Callable[[], Any]

    def along(self, directions: Mapping[str, object], read: Callable[[], Mapping[str, Any]]) -> Remembered:
        """The base, to be moved along directions that are read when they are needed."""
        return Remembered(directions, self.base, lambda: InPlace(self.model(), read(), OPTIONS))

    def line(self, method: Method, vectors: Vectors, made_of: Mapping[str, object]) -> Line:
        """Negate by one method.

        Args:
            method: What is negated.
            vectors: The task vectors of a seed.
            made_of: Whatever decides these.
        """
        corpora = self.memory.bench.corpora.controls
        scalings = self.plan.scalings if method in CLOSELY else self.plan.few_scalings
        with self.along({TAU: {"method": method.name, **made_of}}, lambda: {TAU: method.read(vectors)}) as model:
            found = negation(
                cast("InPlace", model),
                {TAU: 1.0},
                self.memory.toxicity_task(),
                [self.memory.perplexity_task(corpus) for corpus in corpora],
                name=method.name,
                keep=1 / self.plan.allowed,
                scalings=scalings,
                most_points=len(scalings) + MORE_POINTS,
            )
            chosen = found.chosen.scaling
            tried = [point.scaling for point in found.curve]
            tested = tried if method in COMPARED else [0.0, chosen]

            def measured(scaling: float, part: str) -> Found:
                return self.memory.language(model.with_coefficients({TAU: -scaling}), part)

            return Line(
                method.name,
                vectors.seed,
                chosen,
                {scaling: measured(scaling, "validation") for scaling in tried},
                {scaling: measured(scaling, "test") for scaling in tested},
                tuple(self._answers(model, chosen) if method in MAIN else ()),
            )

    def base_answers(self) -> tuple[bool, ...]:
        """Whether the base answered each question rightly."""
        return tuple(self._answers(self.along({}, dict), 0.0))

    def _answers(self, model: Remembered, scaling: float) -> list[bool]:
        if not self.plan.test.questions:
            return []
        return self.memory.questions(model.with_coefficients({TAU: -scaling}))
