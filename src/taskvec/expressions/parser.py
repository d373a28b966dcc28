"""From tokens to a tree, by precedence climbing.

expression = operand { ("+" | "-" | "*" | "/") operand }
operand    = "-" operand | "(" expression ")" | number | name | name "(" { argument "," } [ argument ] ")"
argument   = expression | name "=" ( signed | name | string | "true" | "false" | "[" signed { "," signed } "]" )
signed     = ["-"] number
"""

from __future__ import annotations

import math

from taskvec.errors import ExpressionError
from taskvec.expressions.leaves import BASE, PARTS, Named
from taskvec.expressions.mistakes import mistake, quoted, unknown
from taskvec.expressions.nodes import (
    Add,
    Call,
    Divide,
    Multiply,
    Name,
    Negate,
    Node,
    Number,
    Option,
    OptionValue,
    Subtract,
)
from taskvec.expressions.tokens import Kind, Token, tokenize

MAX_DEPTH = 100

_OPERATIONS: dict[str, type[Add | Subtract | Multiply | Divide]] = {
    "+": Add,
    "-": Subtract,
    "*": Multiply,
    "/": Divide,
}


def parse(text: str) -> Node:
    """Parse an expression; nothing is evaluated and no name is looked up.

    A text that is no expression is an ``ExpressionError`` that begins ``expression, column N:`` and carries a note
    with a caret under the place.
    """
    return _Parser(text).whole()


class _Parser:
    """One pass over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._position = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression(0)
        if self._next.kind is not Kind.END:
            raise self._error(self._next, f"expected an operator or the end, found {self._next}{self._advice()}")
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self._next
        self._position += 1
        return token

    def _at(self, symbol: str) -> bool:
        return self._next.kind is Kind.SYMBOL and self._next.text == symbol

    def _accept(self, symbol: str) -> bool:
        found = self._at(symbol)
        self._position += found
        return found

    def _error(self, token: Token, problem: str) -> ExpressionError:
        return mistake(self._text, token.column, problem)

    def _advice(self) -> str:
        if self._next.text == ")":
            return "; remove it or open a '(' before it"
        is_product = self._next.kind is Kind.NAME or self._next.text == "("
        return "; a product is written with *" if is_product else ""

    def _expression(self, precedence: int) -> Node:
        node = self._operand()
        while self._next.kind is Kind.SYMBOL and self._next.text in _OPERATIONS:
            operation = _OPERATIONS[self._next.text]
            if operation.precedence <= precedence:
                break
            column = self._take().column
            node = operation(node, self._expression(operation.precedence), column=column)
        return node

    def _operand(self) -> Node:
        token = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(token, f"nested more than {MAX_DEPTH} deep; remove parentheses or minus signs")
        node = self._operand_from(token)
        self._depth -= 1
        return node

    def _operand_from(self, token: Token) -> Node:
        if token.kind is Kind.NUMBER:
            return Number(self._value(token), column=token.column)
        if token.kind is Kind.NAME:
            return self._call(token) if self._at("(") else self._name(token)
        if token.text == "-":
            return Negate(self._operand(), column=token.column)
        if token.text == "(":
            node = self._expression(0)
            self._close(token)
            return node
        raise self._error(token, f"expected a name, a number or '(', found {token}")

    def _close(self, opening: Token) -> None:
        if not self._accept(")"):
            problem = f"expected ')' for the '(' in column {opening.column}, found {self._next}{self._advice()}"
            raise self._error(self._next, problem)

    def _value(self, token: Token) -> float:
        value = float(token.text)
        if not math.isfinite(value):
            raise self._error(token, f"the number {quoted(token.text)} is too large; write less than 1.8e308")
        return value

    def _name(self, token: Token) -> Name:
        named = Named.of(token.text)
        if named.part is not None and named.name == BASE:
            raise self._error(token, f"the base has no part {quoted(named.part)}; only task vectors have parts")
        if named.part not in {None, *PARTS}:
            raise self._error(token, unknown("part", str(named.part), PARTS))
        return Name(named.name, named.part, column=token.column)

    def _call(self, token: Token) -> Call:
        if "." in token.text:
            raise self._error(token, f"{quoted(token.text)} is no function: a function's name has no dot")
        opening = self._take()
        arguments: list[Node] = []
        options: list[Option] = []
        while not self._at(")"):
            self._argument(arguments, options)
            if not self._accept(","):
                break
        self._close(opening)
        return Call(token.text, tuple(arguments), tuple(options), column=token.column)

    def _argument(self, arguments: list[Node], options: list[Option]) -> None:
        if self._next.kind is Kind.NAME and self._tokens[self._position + 1].text == "=":
            options.append(self._option(options))
        elif options:
            raise self._error(self._next, "an argument without a name comes after one with a name; put it first")
        else:
            arguments.append(self._expression(0))

    def _option(self, before: list[Option]) -> Option:
        token = self._take()
        if "." in token.text or token.text in {option.name for option in before}:
            fault = "is no option's name" if "." in token.text else "is given twice; remove one"
            raise self._error(token, f"{quoted(token.text)} {fault}")
        self._take()
        return Option(token.text, self._option_value(), token.column)

    def _option_value(self) -> OptionValue:
        if self._accept("["):
            return self._numbers()
        token = self._next
        if token.text == "-" or token.kind is Kind.NUMBER:
            return self._signed()
        self._take()
        if token.kind is Kind.STRING:
            return token.text[1:-1]
        if token.kind is Kind.NAME and "." not in token.text:
            return {"true": True, "false": False}.get(token.text, token.text)
        raise self._error(token, f"expected a number, a word, a string, true, false or a list, found {token}")

    def _numbers(self) -> tuple[float, ...]:
        numbers = [self._signed()]
        while self._accept(","):
            numbers.append(self._signed())
        if not self._accept("]"):
            raise self._error(self._next, f"expected ',' or ']' in a list of numbers, found {self._next}")
        return tuple(numbers)

    def _signed(self) -> float:
        sign = -1.0 if self._accept("-") else 1.0
        token = self._take()
        if token.kind is not Kind.NUMBER:
            raise self._error(token, f"expected a number, found {token}")
        return sign * self._value(token)
