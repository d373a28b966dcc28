"""What a causal language model writes after prompts: greedily or by seeded sampling, with cached keys and values."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskvec.errors import EvaluationError
from taskvec.evaluation.inference import inferring
from taskvec.evaluation.language_modelling.padding import Tokenizer, Tokens, encoded, padded
from taskvec.training.precision import Precision

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to write.

    Attributes:
        new_tokens: At most as many after each prompt; fewer where the model ends its text.
        batch: Prompts at a time, padded on the left. In bfloat16 it may change the words: sums are rounded otherwise.
        temperature: 0 takes the most likely token; above 0, tokens are drawn from softmax(logits / temperature).
        seed: Of what is drawn; prompt n gets the same draws in any batch.
        precision: What the forward pass computes in.
    """

    new_tokens: int = 20
    batch: int = 64
    temperature: float = 0.0
    seed: int = 0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            EvaluationError: If one is out of range.
        """
        if self.new_tokens < 1 or self.batch < 1 or self.temperature < 0:
            raise EvaluationError("decoding needs one new token, one prompt at a time and a temperature from 0 up")


def continuations(model: Module, tokenizer: Tokenizer, prompts: Sequence[str], how: Decoding = Decoding()) -> list[str]:
    """Return what a model writes after each prompt, without the prompt.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its tokenizer.
        prompts: N prompts.
        how: How to write.

    Returns:
        N texts.
    """
    import torch

    rows = encoded(tokenizer, prompts)
    draws = torch.rand(len(rows), how.new_tokens, generator=torch.Generator().manual_seed(how.seed))
    texts = []
    for start in range(0, len(rows), how.batch):
        some = slice(start, start + how.batch)
        with inferring(model, how.precision):  # one context, so that weights are cast once
            written = _write(model, rows[some], draws[some], how.temperature, tokenizer.eos_token_id)
        texts += [str(tokenizer.decode(row, skip_special_tokens=True)) for row in written]
    return texts


def _write(model: Module, rows: Sequence[Tokens], draws: Tensor, temperature: float, end: int | None) -> list[Tokens]:
    """Return the tokens after each row, cut at the end of its text; ``draws`` has a column for each new token."""
    import torch

    device = next(model.parameters()).device
    prompts, draws = padded(rows, "left", device), draws.to(device)
    ids, mask = prompts.ids, prompts.mask
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    last_alone = _last_logits_alone(model)
    cache, columns = None, []
    for step in range(draws.shape[1]):
        out = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            **last_alone,
        )
        cache, logits = out.past_key_values, out.logits[:, -1].float()
        ids = _chosen(logits, draws[:, step], temperature)[:, None]
        columns.append(ids)
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        positions = positions[:, -1:] + 1
        if end is not None and bool((torch.cat(columns, dim=1) == end).any(dim=1).all()):
            break
    return [_until(row, end) for row in torch.cat(columns, dim=1).tolist()]


def _chosen(logits: Tensor, draws: Tensor, temperature: float) -> Tensor:
    """Return a token for each row of ``(N, V)``; draws in [0, 1) are looked up in the cumulative distribution."""
    import torch

    if temperature == 0:
        return logits.argmax(dim=-1)
    cumulative = torch.softmax(logits.double() / temperature, dim=-1).cumsum(dim=-1)
    reached = draws[:, None].double() * cumulative[:, -1:]
    return torch.searchsorted(cumulative, reached, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)


def _last_logits_alone(model: Module) -> dict[str, Any]:
    """Return the argument that spares logits of prompts' tokens, where the model knows it."""
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}


def _until(row: Tokens, end: int | None) -> Tokens:
    return row[: row.index(end)] if end in row else row
