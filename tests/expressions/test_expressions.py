"""Expressions: what they mean, what they refuse and where they point."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskvec.errors import ExpressionError
from taskvec.expressions import (
    Add,
    Call,
    Divide,
    LinearForm,
    Multiply,
    Name,
    Named,
    Negate,
    Node,
    Number,
    Option,
    Subtract,
    linear_form,
    parse,
)

NAMES = ("code", "law", "math", "toxic", "toxic.unique", "toxic.shared")
VALUES = {"base": Fraction(7), **{name: Fraction(11 + 3 * index) for index, name in enumerate(NAMES)}}

numbers = st.floats(0.0, 1e3).map(lambda value: Number(round(value, 4)))
names = st.sampled_from(sorted(VALUES)).map(lambda key: Name(key.partition(".")[0], key.partition(".")[2] or None))


def _grow(scalars: st.SearchStrategy[Node], vectors: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    divisors = st.floats(0.01, 100.0).map(lambda value: Number(round(value, 4)))
    return st.one_of(
        st.builds(Negate, vectors),
        st.builds(Add, vectors, vectors),
        st.builds(Subtract, vectors, vectors),
        st.builds(Multiply, scalars, vectors),
        st.builds(Multiply, vectors, scalars),
        st.builds(Divide, vectors, divisors),
        st.builds(Call, st.sampled_from(["sum", "mean"]), st.lists(vectors, min_size=1, max_size=3).map(tuple)),
    )


scalars = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.builds(Negate, inner), *[st.builds(operation, inner, inner) for operation in (Add, Subtract, Multiply)]
    ),
    max_leaves=4,
)
vectors = st.recursive(names, lambda inner: _grow(scalars, inner), max_leaves=12)

option_values = st.one_of(
    st.booleans(),
    st.floats(-1e6, 1e6).map(lambda value: value + 0.0),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True).filter(lambda word: word not in {"true", "false"}),
    st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n'), max_size=5),
)
options = st.lists(
    st.builds(Option, st.sampled_from(["density", "seed", "k"]), option_values),
    max_size=2,
    unique_by=lambda option: option.name,
).map(tuple)
trees = st.recursive(
    numbers | names,
    lambda inner: st.one_of(
        st.builds(Negate, inner),
        *[st.builds(operation, inner, inner) for operation in (Add, Subtract, Multiply, Divide)],
        st.builds(Call, st.sampled_from(["ties", "sum"]), st.lists(inner, max_size=3).map(tuple), options),
    ),
    max_leaves=12,
)


def evaluate(node: Node, values: Mapping[str, Fraction]) -> Fraction:
    """The exact value of a tree when every vector is a number: shares no code with the linear form."""
    operands = [evaluate(child, values) for child in node.children]
    rules = {
        Negate: lambda: -operands[0],
        Add: lambda: operands[0] + operands[1],
        Subtract: lambda: operands[0] - operands[1],
        Multiply: lambda: operands[0] * operands[1],
        Divide: lambda: operands[0] / operands[1],
        Number: lambda: Fraction(node.value),
        Name: lambda: values[node.key],
        Call: lambda: sum(operands) / (len(operands) if node.function == "mean" else 1),
    }
    return rules[type(node)]()


def shape(node: Node) -> object:
    """A tree as nested tuples, for comparisons that do not trust ``==``."""
    match node:
        case Number():
            return node.value
        case Name():
            return node.name, node.part
        case Call():
            settings = [(option.name, type(option.value), option.value) for option in node.options]
            return node.function, [shape(argument) for argument in node.arguments], settings
    return type(node).__name__, [shape(child) for child in node.children]


@given(vectors)
def test_the_linear_form_is_the_expression_for_vectors_that_are_numbers(tree: Node) -> None:
    form = linear_form(tree, NAMES)
    found = Fraction(form.base) * VALUES["base"]
    found += sum(Fraction(coefficient) * VALUES[str(leaf)] for leaf, coefficient in form.coefficients.items())
    magnitudes = {key: abs(value) for key, value in VALUES.items()}
    largest = evaluate(_without_minus(tree), magnitudes)
    assert abs(found - evaluate(tree, VALUES)) <= largest * Fraction(1, 10**12)


def _without_minus(tree: Node) -> Node:
    """The tree with every minus turned into a plus: its value bounds every intermediate one."""
    match tree:
        case Negate():
            return _without_minus(tree.operand)
        case Add() | Subtract():
            return Add(_without_minus(tree.left), _without_minus(tree.right))
        case Multiply() | Divide():
            return type(tree)(_without_minus(tree.left), _without_minus(tree.right))
        case Call():
            return Call(tree.function, tuple(_without_minus(argument) for argument in tree.arguments))
    return tree


@given(trees)
def test_canonical_text_parses_to_an_equal_tree(tree: Node) -> None:
    again = parse(str(tree))
    assert shape(again) == shape(tree)
    assert again == tree
    assert hash(again) == hash(tree)
    assert str(again) == str(tree)


@given(trees, trees)
def test_trees_are_equal_exactly_when_their_structure_is(one: Node, other: Node) -> None:
    assert (one == other) == (shape(one) == shape(other))


def test_calls_that_share_their_words_are_still_different() -> None:
    assert parse("f(a, f(b))") != parse("f(f(a, b))")
    assert parse("f(k=true)") != parse("f(k=1)")


@given(st.one_of(st.text(), st.text("abmth.()+-*/=,'\"0123456789e _\n\t", max_size=60)))
def test_no_text_raises_anything_but_expression_errors(text: str) -> None:
    try:
        linear_form(text, NAMES)
    except ExpressionError as error:
        refusal = error
    else:
        return
    assert len(str(refusal).splitlines()) == 1
    assert str(refusal).startswith("expression, column ")
    assert len(refusal.__notes__[0].splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "base", "coefficients"),
    [
        ("base + 0.4*(math + code) - 0.6*toxic.unique", 1.0, {"math": 0.4, "code": 0.4, "toxic.unique": -0.6}),
        ("sum(law, code,)", 0.0, {"law": 1.0, "code": 1.0}),
        ("base + .5*mean(math, code, toxic, law)", 1.0, {"math": 0.125, "code": 0.125, "toxic": 0.125, "law": 0.125}),
        ("mean(math) - sum(law)", 0.0, {"math": 1.0, "law": -1.0}),
        ("math - code - law", 0.0, {"math": 1.0, "code": -1.0, "law": -1.0}),
        ("math - (code - law)", 0.0, {"math": 1.0, "code": -1.0, "law": 1.0}),
        ("math/4/2", 0.0, {"math": 0.125}),
        ("-2*-math", 0.0, {"math": 2.0}),
        ("(1 + 2)*math*1e-1", 0.0, {"math": 3 * 0.1}),
        ("code - math + 0*law - code", 0.0, {"code": 0.0, "math": -1.0, "law": 0.0}),
        ("base*2 - base\n\t+ math", 1.0, {"math": 1.0}),
        ("base - base", 0.0, {}),
    ],
)
def test_meaning(text: str, base: float, coefficients: dict[str, float]) -> None:
    form = linear_form(text, NAMES)
    assert form == LinearForm(base, {Named.of(name): weight for name, weight in coefficients.items()})
    assert list(map(str, form.coefficients)) == list(coefficients)


def test_coefficients_that_cancel_are_plain_zeros() -> None:
    form = linear_form("0*-math - 0*base", NAMES)
    assert [math.copysign(1.0, zero) for zero in (form.base, form.coefficients[Named("math")])] == [1.0, 1.0]


REFUSALS = [
    ("", 1, "expected a name, a number or '(', found the end"),
    ("math +", 7, "found the end"),
    ("(math + code", 13, "expected ')' for the '(' in column 1, found the end"),
    ("math)", 5, "found ')'; remove it or open a '(' before it"),
    ("2 math", 3, "a product is written with *"),
    ("base + 0.4(math)", 11, "a product is written with *"),
    ("math**2", 6, "found '*'"),
    ("math//2", 6, "found '/'"),
    ("+math", 1, "found '+'"),
    ("base + $1", 8, "unexpected '$'; remove it"),
    ("base − math", 6, "unexpected '−'; write -"),
    ("base + \x1cmath", 8, r"unexpected '\x1c'; remove it"),
    ("math.unique.unique", 12, "unexpected '.'"),
    ("1e999*math", 1, "too large"),
    (
        "base + mth",
        8,
        "unknown name 'mth'; did you mean 'math'? (known: code, law, math, toxic, toxic.shared, toxic.uniq",
    ),
    ("base\n+ mth", 8, "unknown name 'mth'"),
    ("bsae + math", 1, "unknown name 'bsae'; did you mean 'base'?"),
    ("math + zzz", 8, "unknown name 'zzz' (known: code, law, "),
    ("math + toxic.unqiue", 8, "unknown part 'unqiue'; did you mean 'unique'? (known: shared, unique)"),
    ("base.shared", 1, "the base has no part 'shared'"),
    ("base + law.shared", 8, "'law' has no shared part; decompose it first"),
    ("base + men(math, law)", 8, "unknown function 'men'; did you mean 'mean'? (known: mean, sum)"),
    ("ties(math, law, density=0.2)", 1, "unknown function 'ties' (known: mean, sum)"),
    ("math.unique(law)", 1, "'math.unique' is no function"),
    ("sum()", 1, "needs at least one argument"),
    ("sum(,math)", 5, "found ','"),
    ("sum(math", 9, "expected ')' for the '(' in column 4, found the end"),
    ("sum(math code)", 10, "expected ')' for the '(' in column 4, found 'code'"),
    ("mean(math, density=1)", 12, "mean takes no option 'density'; remove it"),
    ("ties(density=1, math)", 17, "put it first"),
    ("ties(math, k=1, k=2)", 17, "'k' is given twice"),
    ("ties(math, a.b=2)", 12, "'a.b' is no option's name"),
    ("ties(math, k=)", 14, "expected a number, a word, a string, true, false or a list, found ')'"),
    ("ties(math, k=-x)", 15, "expected a number"),
    ("ties(math, k='x)", 14, "a string is not closed"),
    ("sum('math')", 5, "expected a name"),
    ("base + 1", 6, "cannot add a number and a task vector"),
    ("1 - math", 3, "cannot add a number and a task vector"),
    ("sum(math, 1)", 1, "cannot add a number and a task vector"),
    ("base + math*code", 12, "cannot multiply two task vectors"),
    ("2/math", 2, "cannot divide by a task vector"),
    ("math/(1 - 1)", 5, "cannot divide by zero"),
    ("1e308*10*math", 6, "overflows"),
    ("1e308*math + 1e308*math", 12, "overflows"),
    ("math/1e-300/1e-300", 12, "overflows"),
    ("0.5", 1, "this is a number, not a task vector"),
    ("1 + 2*3", 3, "this is a number, not a task vector"),
]


@pytest.mark.parametrize(("text", "column", "part"), REFUSALS)
def test_refusals_point_at_their_column(text: str, column: int, part: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        linear_form(text, NAMES)
    assert str(raised.value).startswith(f"expression, column {column}: ")
    assert part in str(raised.value)
    assert raised.value.__notes__[0].splitlines()[1] == " " * (column - 1) + "^"


def test_the_caret_stands_under_the_place_in_long_texts_too() -> None:
    text = " + ".join(["math"] * 100) + " + mth + " + " + ".join(["code"] * 100)
    with pytest.raises(ExpressionError) as raised:
        linear_form(text, NAMES)
    excerpt, marker = raised.value.__notes__[0].splitlines()
    assert excerpt[marker.index("^") :].startswith("mth + code")
    assert len(excerpt) < 130


def test_a_parsed_tree_has_the_columns_of_its_text() -> None:
    tree = parse("base + ties(a, k=2)*-b.shared")
    columns = [(str(node), node.column) for node in tree.postorder()]
    assert columns == [
        ("base", 1),
        ("a", 13),
        ("ties(a, k=2)", 8),
        ("b.shared", 22),
        ("-b.shared", 21),
        ("ties(a, k=2)*-b.shared", 20),
        ("base + ties(a, k=2)*-b.shared", 6),
    ]
    assert parse("f(k=2)").options[0].column == 3


def test_a_tree_without_its_text_is_refused_in_the_same_words() -> None:
    with pytest.raises(ExpressionError, match=r"^expression, column 8: unknown name 'mth'; did you mean 'math'\?"):
        linear_form(parse("base + mth"), NAMES)


@pytest.mark.parametrize("opening", ["(", "-", "sum(", "math - ("])
def test_deep_nesting_is_refused_not_a_crash(opening: str) -> None:
    with pytest.raises(ExpressionError, match="nested more than 100 deep"):
        parse(opening * 100_000)


def test_ninety_nine_parentheses_are_fine() -> None:
    assert linear_form("(" * 99 + "math" + ")" * 99, NAMES) == LinearForm(0.0, {Named("math"): 1.0})


def test_long_sums_are_fine() -> None:
    tree = parse("+".join(["math"] * 20_000))
    assert linear_form(tree, NAMES) == LinearForm(0.0, {Named("math"): 20_000.0})
    assert parse(str(tree)) == tree


def test_a_megabyte_is_the_limit() -> None:
    with pytest.raises(ExpressionError, match="column 1000001: longer than 1000000 characters"):
        parse(" " * 1_000_001)


def test_at_most_ten_known_names_are_listed() -> None:
    with pytest.raises(ExpressionError, match=r"(?m)\(known: t00, t01, .*, t09 and 13 more\)$"):
        linear_form("x", [f"t{index:02}" for index in range(23)])
    with pytest.raises(ExpressionError, match=r"(?m)unknown name 'x' \(none is known\)$"):
        linear_form("x", [])


def test_long_words_are_cut_in_messages() -> None:
    with pytest.raises(ExpressionError) as raised:
        linear_form("x" * 10_000, NAMES)
    assert len(str(raised.value)) < 200


def test_trees_show_the_text_that_makes_them() -> None:
    assert repr(parse(" a+( b )")) == "parse('a + b')"
