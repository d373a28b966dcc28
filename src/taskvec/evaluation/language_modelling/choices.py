"""Multiple choice: which ending of a question a causal language model finds most likely, per token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskvec.errors import EvaluationError
from taskvec.evaluation.language_modelling.likelihood import token_losses
from taskvec.evaluation.language_modelling.padding import Tokenizer, encoded
from taskvec.training.precision import Precision

if TYPE_CHECKING:
    from torch.nn import Module


@dataclass(frozen=True, slots=True)
class Question:
    """A beginning and its endings.

    Attributes:
        beginning: The question.
        endings: What may follow, each read after a space.
        answer: The index of the true ending.
    """

    beginning: str
    endings: tuple[str, ...]
    answer: int


def choice_accuracy(
    model: Module,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    *,
    batch: int = 16,
    precision: Precision = "float32",
) -> float:
    """Return the share of questions whose true ending has the least mean loss per token.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        questions: The questions.
        batch: Endings at a time.
        precision: What the forward pass computes in.

    Returns:
        The accuracy.

    Raises:
        EvaluationError: If there are no questions.
    """
    if not questions:
        raise EvaluationError("accuracy needs questions: give some")
    chosen = choose_endings(model, tokenizer, questions, batch=batch, precision=precision)
    return sum(index == question.answer for index, question in zip(chosen, questions, strict=True)) / len(questions)


def choose_endings(
    model: Module,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    *,
    batch: int = 16,
    precision: Precision = "float32",
) -> list[int]:
    """Return the index of the ending that a model prefers for each question; of equal ones, the first."""
    beginnings = encoded(tokenizer, [question.beginning for question in questions])
    endings = [
        encoded(tokenizer, [f" {ending}" for ending in question.endings], add_special_tokens=False)
        for question in questions
    ]
    rows = [beginning + ending for beginning, own in zip(beginnings, endings, strict=True) for ending in own]
    found = token_losses(model, rows, batch=batch, precision=precision)
    chosen = []
    for own in endings:
        means = [sum(next(found)[-len(ending) :]) / len(ending) for ending in own]
        chosen.append(means.index(min(means)))
    return chosen
