"""Functions, merges and definitions given to an expression: what they are handed, and what they make of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from taskvec.errors import ExpressionError
from taskvec.expressions import Named, OptionValue, Weights, linear_form
from taskvec.expressions.mistakes import caret, quoted, unknown
from taskvec.expressions.parser import MAX_DEPTH, parse
from taskvec.expressions.tokens import MAX_LENGTH, tokenize

Vectors = Sequence[Weights]


def first(vectors: Vectors) -> Weights:
    return dict(vectors[0])


def fails(vectors: Vectors) -> Weights:
    raise ExpressionError("it needs a store")


class Ties:
    """The only merge that there is, which notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[dict[str, float]], dict[str, Any]]] = []

    def names(self) -> Collection[str]:
        return {"ties"}

    def call(self, name: str, vectors: Vectors, options: Mapping[str, OptionValue]) -> Weights:
        assert name == "ties"
        self.calls.append(([by_name(vector) for vector in vectors], dict(options)))
        return {Named("merged"): 2.0}


def by_name(weights: Weights) -> dict[str, float]:
    return {str(leaf): weight for leaf, weight in weights.items()}


def form(text: str, merges: Ties | None = None, **more: Any) -> tuple[float, dict[str, float]]:
    functions = {"first": first, "fails": fails}
    found = linear_form(text, ["a", "b", "a.shared"], functions, merges or Ties(), **more)
    return found.base, by_name(found.coefficients)


def test_a_merge_takes_vectors_and_the_base_and_options_and_makes_one_vector() -> None:
    merge = Ties()
    assert form("base + 3*ties(2*a - b, base + a, density=[0.5, -1], trim=model, on=true, off=false)", merge) == (
        1.0,
        {"merged": 6.0},
    )
    assert merge.calls == [
        (
            [{"a": 2.0, "b": -1.0}, {"base": 1.0, "a": 1.0}],
            {"density": (0.5, -1.0), "trim": "model", "on": True, "off": False},
        )
    ]


def test_a_function_takes_vectors_alone() -> None:
    assert form("0.5*first(a + b, b)") == (0.0, {"a": 0.5, "b": 0.5})
    for text in ("first(base + a)", "first(a, 2)", "first(a, base)"):
        with pytest.raises(ExpressionError, match="first takes task vectors alone: no numbers, and no base"):
            form(text)
    with pytest.raises(ExpressionError, match="ties takes task vectors alone"):
        form("ties(a, 2)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base + fails(a)", "column 8: it needs a store"),
        ("first(a, x=1)", "column 10: first takes no option 'x'; remove it"),
        ("sum(a, x=1)", "column 8: sum takes no option 'x'; remove it"),
        ("ties()", r"ties needs at least one argument, as in ties\(math, code\)"),
        ("frist(a)", "unknown function 'frist'; did you mean 'first'"),
        ("a.unique", "'a' has no unique part; decompose it first"),
        ("c.unique", "unknown name 'c.unique'"),
        ("2 + 3", "this is a number, not a task vector"),
        ("a + 2", "cannot add a number and a task vector"),
        ("2 - a", "cannot add a number and a task vector"),
        ("a * b", "cannot multiply two task vectors"),
        ("2 / a", "cannot divide by a task vector"),
        ("a / (1 - 1)", "cannot divide by zero"),
        ("1e308 * 10 * a", "a coefficient overflows here"),
        ("ties(a, x.y=1)", "'x.y' is no option's name"),
        ("ties(a, x=1, x=2)", "'x' is given twice; remove one"),
        ("ties(x=1, a)", "an argument without a name comes after one with a name"),
        ("a.b(c)", "'a.b' is no function: a function's name has no dot"),
        ("base.shared", "the base has no part 'shared'"),
        ("a b", "found 'b'; a product is written with"),
        ("a (b)", r"unknown function 'a'|a product is written with"),
        ("a)", r"found '\)'; remove it or open a '\(' before it"),
    ],
)
def test_what_means_nothing_is_refused_in_its_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        form(text)


@pytest.mark.parametrize(
    ("text", "base", "coefficients"),
    [
        ("a - b - b", 0, {"a": 1, "b": -2}),
        ("base - (a - 2*b)/4", 1, {"a": -0.25, "b": 0.5}),
        ("2*3*a/4", 0, {"a": 1.5}),
        ("(6 - 2)/2*a", 0, {"a": 2}),
        ("--a", 0, {"a": 1}),
        ("-base - a", -1, {"a": -1}),
        ("mean(a, b, a)", 0, {"a": pytest.approx(2 / 3), "b": pytest.approx(1 / 3)}),
        ("sum(a, 2*b)", 0, {"a": 1, "b": 2}),
        ("a - a", 0, {"a": 0}),
        ("a.shared + a", 0, {"a.shared": 1, "a": 1}),
        ("half*a + both", 0, {"a": 1.5, "b": 3}),
    ],
)
def test_coefficients_by_hand(text: str, base: float, coefficients: dict[str, float]) -> None:
    assert form(text, definitions={"half": 0.5, "both": {Named("a"): 1.0, Named("b"): 3.0}}) == (base, coefficients)


def test_a_definition_is_not_changed_by_what_is_made_of_it() -> None:
    both = {Named("a"): 1.0}
    assert form("both + b + both", definitions={"both": both}) == (0, {"a": 2, "b": 1})
    assert both == {Named("a"): 1.0}


def test_no_zero_is_negative() -> None:
    _, coefficients = form("0*(-a) - b*0")
    assert str(list(coefficients.values())) == "[0.0, 0.0]"


def test_a_hundred_levels_are_nested_and_no_more() -> None:
    assert parse("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)) is not None
    assert parse("+".join(["-a"] * 300)) is not None
    with pytest.raises(ExpressionError, match="nested more than 100 deep"):
        parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)


def test_a_million_characters_are_read_and_no_more() -> None:
    assert len(tokenize("a" + " " * (MAX_LENGTH - 1))) == 2
    with pytest.raises(ExpressionError, match="column 1000001: longer than 1000000 characters"):
        tokenize("a" + " " * MAX_LENGTH)


def test_columns_are_counted_from_one() -> None:
    assert [(token.text, token.column) for token in tokenize("a +\n 2.5")] == [("a", 1), ("+", 3), ("2.5", 6), ("", 9)]


def test_long_words_are_cut_where_they_are_quoted() -> None:
    assert quoted("x" * 40) == repr("x" * 40)
    assert quoted("x" * 41) == repr("x" * 39 + "…")


def test_a_caret_stands_under_its_column_among_sixty_characters_to_each_side() -> None:
    assert caret("a + b", 3) == "a + b\n  ^"
    assert caret("a + b", 99) == "a + b\n     ^"
    assert caret("a\tb", 0) == "a b\n^"
    text = "".join(chr(ord("a") + i % 26) for i in range(200))
    assert caret(text, 101) == f"…{text[40:160]}…\n{' ' * 61}^"
    assert caret(text[:161], 101) == f"…{text[40:160]}…\n{' ' * 61}^"
    assert caret(text[:160], 101) == f"…{text[40:160]}\n{' ' * 61}^"
    assert caret(text, 61) == f"{text[:120]}…\n{' ' * 60}^"


def test_ten_known_names_are_listed() -> None:
    names = [f"n{i:02d}" for i in range(12)]
    assert unknown("name", "zzz", names[:10]) == f"unknown name 'zzz' (known: {', '.join(names[:10])})"
    assert unknown("name", "zzz", names) == f"unknown name 'zzz' (known: {', '.join(names[:10])} and 2 more)"
    assert unknown("name", "zzz", []) == "unknown name 'zzz' (none is known)"
    assert unknown("name", "bsae", names, also=["base"]).startswith("unknown name 'bsae'; did you mean 'base'? (known")
