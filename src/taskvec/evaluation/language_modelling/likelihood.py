"""How likely a causal language model finds texts: losses of their tokens, and perplexity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskvec.errors import EvaluationError
from taskvec.evaluation.inference import inferring
from taskvec.evaluation.language_modelling.padding import Tokenizer, Tokens, encoded, padded
from taskvec.training.precision import Precision

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


@dataclass(frozen=True, slots=True)
class TextLoss:
    """What a model makes of one text.

    Attributes:
        total: −Σ ln p of its predicted tokens.
        tokens: How many tokens were predicted: all but the first.
    """

    total: float
    tokens: int


def perplexity(
    model: Module,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    max_tokens: int = 128,
    batch: int = 16,
    precision: Precision = "float32",
) -> float:
    """Return exp(−Σ ln p / n) over all n predicted tokens of texts that are cut to a length.

    Args:
        model: The model; its logits are taken as float32.
        tokenizer: Its tokenizer.
        texts: The texts.
        max_tokens: Tokens that count at the start of each text; later ones are left out.
        batch: Texts at a time, padded on the right. Memory: ``batch × max_tokens × vocabulary`` logits.
        precision: What the forward pass computes in.

    Returns:
        The perplexity.
    """
    return perplexity_of(text_losses(model, tokenizer, texts, max_tokens=max_tokens, batch=batch, precision=precision))


def perplexity_of(losses: Sequence[TextLoss]) -> float:
    """Return the perplexity of texts that were measured before.

    Raises:
        EvaluationError: If no token was predicted.
    """
    tokens = sum(loss.tokens for loss in losses)
    if not tokens:
        raise EvaluationError("perplexity needs texts of two tokens or more: give some")
    return math.exp(sum(loss.total for loss in losses) / tokens)


def text_losses(
    model: Module,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    max_tokens: int = 128,
    batch: int = 16,
    precision: Precision = "float32",
) -> list[TextLoss]:
    """Return the loss of each text; arguments as for :func:`perplexity`."""
    rows = encoded(tokenizer, texts, max_tokens=max_tokens)
    found = token_losses(model, rows, batch=batch, precision=precision)
    return [TextLoss(math.fsum(losses), len(losses)) for losses in found]


def token_losses(
    model: Module, rows: Sequence[Tokens], *, batch: int, precision: Precision = "float32"
) -> Iterator[list[float]]:
    """Yield −ln p(token | tokens before it) for the second token of each row and those after it.

    Args:
        model: The model.
        rows: N lists of tokens.
        batch: Rows at a time.
        precision: What the forward pass computes in.

    Yields:
        A list for each row, one number shorter than the row.
    """
    for start in range(0, len(rows), batch):
        yield from _losses(model, rows[start : start + batch], precision)


def _losses(model: Module, rows: Sequence[Tokens], precision: Precision) -> list[list[float]]:
    from torch.nn import functional

    with inferring(model, precision) as device:
        together = padded(rows, "right", device)
        logits: Tensor = model(input_ids=together.ids, attention_mask=together.mask, use_cache=False).logits
    losses = []
    for number, row in enumerate(rows):  # one row's logits at a time in float32
        predicted, true = logits[number, : len(row) - 1].float(), together.ids[number, 1 : len(row)]
        losses.append(functional.cross_entropy(predicted, true, reduction="none").double().tolist())
    return losses
