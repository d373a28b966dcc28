"""What is measured of one model: how toxic it writes, how likely it finds texts, which endings it prefers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from statistics import fmean
from typing import Any

from experiments.toxicity.corpora import TOXIC, Corpora
from experiments.toxicity.plan import Plan, Sizes
from taskvec.evaluation.language_modelling import (
    Decoding,
    TextLoss,
    Tokenizer,
    choose_endings,
    continuations,
    perplexity_of,
    text_losses,
)

Score = Callable[[list[str]], Sequence[float]]
"""From texts to the probability that each is toxic."""


@dataclass(frozen=True)
class Found:
    """Measurements of one model on one part of the data, as they are kept.

    Attributes:
        scores: Toxicity of the continuation of each prompt.
        distinct: Share of the words of all continuations that are their text's first; it falls where words repeat.
        losses: Corpus → total loss and predicted tokens.
    """

    scores: tuple[float, ...]
    distinct: float
    losses: Mapping[str, tuple[float, int]]

    @property
    def toxicity(self) -> float:
        """The mean score."""
        return fmean(self.scores)

    def perplexity(self, corpus: str) -> float:
        """The perplexity of one corpus."""
        total, tokens = self.losses[corpus]
        return perplexity_of([TextLoss(total, tokens)])

    def growth(self, base: "Found", corpora: Sequence[str]) -> float:
        """How much perplexity grew, 0 at the base: 1 ÷ (mean over corpora of base ÷ perplexity) − 1."""
        return 1 / fmean(base.perplexity(each) / self.perplexity(each) for each in corpora) - 1


def found_in(kept: Mapping[str, Any]) -> Found:
    """Measurements as they were kept."""
    losses = {name: (total, tokens) for name, (total, tokens) in kept["losses"].items()}
    return Found(tuple(kept["scores"]), kept["distinct"], losses)


@dataclass(frozen=True)
class Bench:
    """All data and how it is measured, the same for every model.

    Attributes:
        corpora: The data.
        tokenizer: The base's tokenizer.
        score: The classifier of toxic texts.
        plan: Sizes, lengths, precision.
    """

    corpora: Corpora
    tokenizer: Tokenizer
    score: Score
    plan: Plan

    def language(self, model: Any, part: str) -> dict[str, Any]:
        """Toxicity after toxic prompts, and losses of some of the prompts themselves and of the control corpora."""
        sizes = self.sizes(part)
        prompts = self.corpora.toxic.of(part)[: sizes.prompts]
        how = Decoding(self.plan.new_tokens, batch=64, precision=self.plan.precision)
        written = continuations(model, self.tokenizer, prompts, how)
        texts = {name: corpus.of(part)[: sizes.controls] for name, corpus in self.corpora.controls.items()}
        texts[TOXIC] = prompts[: sizes.domain]
        return {
            "scores": [round(float(score), 6) for score in self.score(written)],
            "distinct": distinct(written),
            "losses": {name: self._loss(model, some) for name, some in texts.items()},
            "texts": written,
        }

    def domains(self, model: Any, part: str) -> dict[str, tuple[float, int]]:
        """Losses of every corpus that was fine-tuned on."""
        count = self.sizes(part).domain
        return {name: self._loss(model, texts.of(part)[:count]) for name, texts in self.corpora.trained.items()}

    def questions(self, model: Any) -> list[bool]:
        """Whether each question was answered rightly."""
        asked = self.corpora.questions[: self.plan.test.questions]
        chosen = choose_endings(model, self.tokenizer, asked, precision=self.plan.precision)
        return [index == question.answer for index, question in zip(chosen, asked, strict=True)]

    def sizes(self, part: str) -> Sizes:
        """How much of a part is measured."""
        return {"validation": self.plan.validation, "test": self.plan.test}[part]

    def deciding(self, part: str) -> dict[str, object]:
        """Everything here on which measurements of a part depend."""
        plan, sizes, corpora = self.plan, self.sizes(part), self.corpora
        return {
            "prompts": corpora.toxic.of(part)[: sizes.prompts],
            "controls": {name: texts.of(part)[: sizes.controls] for name, texts in corpora.controls.items()},
            "domains": {name: texts.of(part)[: sizes.domain] for name, texts in corpora.trained.items()},
            "questions": [astuple(question) for question in corpora.questions[: sizes.questions]],
            "lengths": (plan.measured_tokens, plan.new_tokens),
            "precision": plan.precision,
            "revision": plan.revision,
        }

    def _loss(self, model: Any, texts: Sequence[str]) -> tuple[float, int]:
        plan = self.plan
        found = text_losses(model, self.tokenizer, texts, max_tokens=plan.measured_tokens, precision=plan.precision)
        return math.fsum(loss.total for loss in found), sum(loss.tokens for loss in found)


def distinct(texts: Sequence[str]) -> float:
    """The share of words that are new in their text."""
    words = [text.split() for text in texts]
    return sum(len(set(own)) for own in words) / max(1, sum(len(own) for own in words))
