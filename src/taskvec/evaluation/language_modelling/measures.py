"""Measurements of language models as callables, to be the halves of an evaluation task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from taskvec.errors import EvaluationError
from taskvec.evaluation.language_modelling.choices import Question, choice_accuracy
from taskvec.evaluation.language_modelling.generation import Decoding, continuations
from taskvec.evaluation.language_modelling.likelihood import perplexity
from taskvec.evaluation.language_modelling.padding import Tokenizer
from taskvec.evaluation.tasks import Metrics
from taskvec.training.precision import Precision

if TYPE_CHECKING:
    from torch.nn import Module

Scoring = Callable[[list[str]], Sequence[float]]
"""From texts to a score each, such as the probability that a text is toxic."""


@dataclass(frozen=True)
class PerplexityMeasure:
    """``perplexity`` of texts; see :func:`~taskvec.evaluation.language_modelling.perplexity`.

    Attributes:
        tokenizer: The model's tokenizer.
        texts: The texts.
        max_tokens: Tokens that count at the start of each.
        batch: Texts at a time.
        precision: What the forward pass computes in.
    """

    tokenizer: Tokenizer
    texts: Sequence[str]
    max_tokens: int = 128
    batch: int = 16
    precision: Precision = "float32"

    def __call__(self, model: Module, /) -> Metrics:
        """Measure a model."""
        how = {"max_tokens": self.max_tokens, "batch": self.batch}
        return {"perplexity": perplexity(model, self.tokenizer, self.texts, **how, precision=self.precision)}


@dataclass(frozen=True)
class GenerationMeasure:
    """``score``: the mean score of what a model writes after prompts.

    Attributes:
        tokenizer: The model's tokenizer.
        prompts: The prompts.
        score: From the continuations to a number each.
        how: How to write.
    """

    tokenizer: Tokenizer
    prompts: Sequence[str]
    score: Scoring
    how: Decoding = field(default_factory=Decoding)

    def __call__(self, model: Module, /) -> Metrics:
        """Measure a model.

        Raises:
            EvaluationError: If there are not as many scores as texts.
        """
        texts = continuations(model, self.tokenizer, self.prompts, self.how)
        scores = [float(score) for score in self.score(texts)]
        if len(scores) != len(texts):
            raise EvaluationError(f"scoring gave {len(scores)} scores for {len(texts)} texts: give one for each")
        return {"score": fmean(scores)}


@dataclass(frozen=True)
class ChoiceMeasure:
    """``accuracy`` at multiple choice.

    Attributes:
        tokenizer: The model's tokenizer.
        questions: The questions.
        batch: Endings at a time.
        precision: What the forward pass computes in.
    """

    tokenizer: Tokenizer
    questions: Sequence[Question]
    batch: int = 16
    precision: Precision = "float32"

    def __call__(self, model: Module, /) -> Metrics:
        """Measure a model."""
        return {
            "accuracy": choice_accuracy(
                model, self.tokenizer, self.questions, batch=self.batch, precision=self.precision
            )
        }
