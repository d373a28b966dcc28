"""What was measured, as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.styles.mixing import Found
from taskvec.results import Input

Mix = tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """Everything that was measured; a list has one entry a training seed.

    Attributes:
        checks: What the judge gets right on real icons.
        num_names: Names in train, validation and test.
        alone: `base` or a style → what its own pictures show, by noise seed.
        mixed: Mix → way → what came of it.
        cosines: Two styles, in words → the cosine of their vectors.
        inputs: What it depends on.
    """

    checks: Mapping[str, float]
    num_names: Mapping[str, int]
    alone: Sequence[Mapping[str, Sequence[Found]]]
    mixed: Sequence[Mapping[Mix, Mapping[str, Found]]]
    cosines: Sequence[Mapping[str, float]]
    inputs: tuple[Input, ...]

    def tested(self, mix: Mix, way: str, metric: str) -> list[float]:
        """A metric of the test pictures of a mix: for each training seed, the mean over noise seeds."""
        return [_mean([shown[metric] for shown in found[mix][way]["test"]]) for found in self.mixed]

    def of_alone(self, model: str, metric: str) -> list[float]:
        """A metric of the test pictures of `base` or a style alone, likewise."""
        return [_mean([shown[metric] for shown in found[model]]) for found in self.alone]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
