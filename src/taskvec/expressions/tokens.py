"""From text to tokens: numbers, names with an optional part, quoted strings and punctuation."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from taskvec.expressions.mistakes import mistake, quoted

MAX_LENGTH = 1_000_000

_PATTERN = re.compile(
    r"""
      (?P<space>  [ \t\r\n]+ )
    | (?P<number> (?: [0-9]+ \.? [0-9]* | \. [0-9]+ ) (?: [eE] [+-]? [0-9]+ )? )
    | (?P<name>   [A-Za-z_][A-Za-z0-9_]* (?: \. [A-Za-z_][A-Za-z0-9_]* )? )
    | (?P<string> "[^"\\\r\n]*" | '[^'\\\r\n]*' )
    | (?P<symbol> [-+*/(),=\[\]] )
    """,
    re.VERBOSE,
)
_LOOKALIKES = {"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "’": "'", "“": '"', "”": '"'}


class Kind(StrEnum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    STRING = "string"
    SYMBOL = "symbol"
    END = "end"


class Token(NamedTuple):
    """A piece of the text, and the column, counted from 1, where it starts."""

    kind: Kind
    text: str
    column: int

    def __str__(self) -> str:
        return "the end" if self.kind is Kind.END else quoted(self.text)


def tokenize(text: str) -> list[Token]:
    """Split a text into tokens, of which the last is always ``END``.

    A character that belongs to no token, or more than ``MAX_LENGTH`` of them, is an ``ExpressionError``.
    """
    _check_length(text)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _match(text, position)
        if found.lastgroup and found.lastgroup != "space":
            tokens.append(Token(Kind(found.lastgroup), found.group(), position + 1))
        position = found.end()
    tokens.append(Token(Kind.END, "", len(text) + 1))
    return tokens


def _check_length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise mistake(text, MAX_LENGTH + 1, f"longer than {MAX_LENGTH} characters; shorten it")


def _match(text: str, position: int) -> re.Match[str]:
    found = _PATTERN.match(text, position)
    if found is None:
        raise mistake(text, position + 1, _stray(text[position]))
    return found


def _stray(char: str) -> str:
    if char in "'\"":
        return "a string is not closed on its line, or holds a backslash"
    remedy = f"write {_LOOKALIKES[char]}" if char in _LOOKALIKES else "remove it"
    return f"unexpected {quoted(char)}; {remedy}"
