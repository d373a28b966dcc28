"""Rows of tokens made equally long: on the right where losses are taken, on the left where text is continued.

A loss over left-padded rows would give real tokens wrong positions, and a text that is continued must end where
writing begins. The side is therefore an argument here, and never a tokenizer's state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from taskvec.errors import EvaluationError

if TYPE_CHECKING:
    from torch import Tensor

Tokens = list[int]
Side = Literal["left", "right"]


class Tokenizer(Protocol):
    """What is needed of a tokenizer; those of transformers have it.

    Attributes:
        eos_token_id: The token that ends a text, if there is one.
    """

    @property
    def eos_token_id(self) -> Any: ...  # noqa: D102

    def __call__(self, text: list[str], *, add_special_tokens: bool) -> Any:
        """Return ``input_ids``, a list of tokens for each text."""

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> Any:
        """Return the text of some tokens."""


@dataclass(frozen=True)
class Padded:
    """Rows of tokens in one matrix.

    Attributes:
        ids: Tokens, ``(N, L)``.
        mask: 1 for tokens and 0 for padding, ``(N, L)``.
    """

    ids: Tensor
    mask: Tensor


def encoded(
    tokenizer: Tokenizer, texts: Sequence[str], *, max_tokens: int | None = None, add_special_tokens: bool = True
) -> list[Tokens]:
    """Return the tokens of texts, unpadded.

    Args:
        tokenizer: The tokenizer.
        texts: N texts.
        max_tokens: Keep as many at the start of each.
        add_special_tokens: Whether the tokenizer adds what it adds to a text, such as a token that begins it.

    Returns:
        N lists.
    """
    rows = tokenizer(list(texts), add_special_tokens=add_special_tokens)["input_ids"]
    return [list(row[:max_tokens]) for row in rows]


def padded(rows: Sequence[Tokens], side: Side, device: Any = "cpu") -> Padded:
    """Return rows as one matrix; the padding itself is token 0, which no attention reaches.

    Args:
        rows: N lists of tokens, none of them empty.
        side: Where padding goes.
        device: Where the matrix goes.

    Returns:
        The matrix and its mask.

    Raises:
        EvaluationError: If a row is empty.
    """
    import torch

    if not all(rows):
        raise EvaluationError("a text has no tokens: leave empty texts out")
    length = max(len(row) for row in rows)
    ids, mask = torch.zeros(len(rows), length, dtype=torch.long), torch.zeros(len(rows), length, dtype=torch.long)
    for number, row in enumerate(rows):
        where = slice(0, len(row)) if side == "right" else slice(length - len(row), length)
        ids[number, where], mask[number, where] = torch.tensor(row), 1
    return Padded(ids.to(device), mask.to(device))
