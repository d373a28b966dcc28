"""Leaves of expressions: values that say what is meant, with a text for people."""

from __future__ import annotations

import pickle  # noqa: S403  # its own
from collections.abc import Collection, Mapping, Sequence

import pytest

from taskvec.errors import ExpressionError
from taskvec.expressions import LinearForm, Merged, Named, OptionValue, Weights, linear_form
from taskvec.expressions.leaves import Terms, merges_in, names_in, terms_of, text_of

A, B, C = (Named(name) for name in "abc")


def alone(*leaves: Named | Merged) -> tuple[Terms, ...]:
    return tuple(((leaf, 1.0),) for leaf in leaves)


def over(*leaves: Named | Merged, method: str = "ties") -> Merged:
    return Merged(method, alone(*leaves))


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ("math", Named("math")),
        ("math.unique", Named("math", "unique")),
        ("math.shared.pair", Named("math", "shared", "pair")),
    ],
)
def test_a_name_reads_back_as_itself(text: str, leaf: Named) -> None:
    assert Named.of(text) == leaf
    assert str(leaf) == text


def test_the_text_of_a_merge_is_that_of_the_call() -> None:
    terms: Terms = ((A, 1.0), (Named("b", "unique"), -0.5))
    options = (("density", 0.2), ("steps", (3.0, 5.5)), ("trim", "model"), ("normalize", True), ("weight", len))
    assert str(Merged("ties", (terms, *alone(C)), options)) == (
        "ties(a + -0.5*b.unique, c, density=0.2, steps=[3, 5.5], trim=model, normalize=true, weight=…)"
    )
    assert str(Merged("ties", alone(A, Merged("sce", ((), *alone(B)))))) == "ties(a, sce(0, b))"
    assert str(Merged("ties", alone(A), name="skills")) == "skills"


def test_merges_are_equal_exactly_when_they_mean_the_same() -> None:
    merge = Merged("ties", alone(A, B), (("density", 0.2),))
    assert merge == Merged("ties", alone(Named("a"), Named("b")), (("density", 0.2),))
    assert len({merge, Merged("ties", alone(A, B), (("density", 0.2),))}) == 1
    others = {
        Merged("sce", alone(A, B), (("density", 0.2),)),
        Merged("ties", alone(B, A), (("density", 0.2),)),
        Merged("ties", (((A, 1.0), (B, 1.0)),), (("density", 0.2),)),
        Merged("ties", alone(A, B), (("density", 0.3),)),
        Merged("ties", alone(A, B), (("density", 0.2),), name="skills"),
    }
    assert len(others | {merge}) == 6


def test_a_merge_travels_to_a_process_that_hashes_otherwise() -> None:
    leaf = over(A, over(B, C, method="sce"))
    assert str(leaf), hash(leaf)
    found = pickle.loads(pickle.dumps(leaf))  # noqa: S301  # its own
    assert not found.__dict__.keys() & {"_hash", "_text"}
    assert found == leaf
    assert {found} == {leaf}


def test_merges_are_found_once_and_inner_ones_first() -> None:
    inner, other = over(A, B), over(B, C)
    outer = over(inner, other)
    assert merges_in([outer, C, inner]) == [inner, other, outer]
    assert merges_in([other, inner]) == [other, inner]
    assert merges_in([A, B]) == []


def test_names_are_found_once_within_merges_too() -> None:
    assert names_in([C, over(A, over(B, C))]) == [C, B, A]
    assert names_in([over(A, B), Named("a", "unique")]) == [B, A, Named("a", "unique")]


def test_a_merge_of_merges_of_merges_is_looked_at_once() -> None:
    leaf = over(A, B)
    for _ in range(200):  # every one twice in the next: 2²⁰⁰ ways from the outermost to the innermost
        leaf = over(leaf, over(leaf, A))
    assert len(merges_in([leaf])) == 401
    assert set(names_in([leaf])) == {A, B}
    assert leaf == over(*(terms[0][0] for terms in leaf.arguments))


def test_a_sum_as_a_value_leaves_out_what_cancels() -> None:
    assert terms_of({A: 0.0, B: -1.0, C: 1.0}) == ((B, -1.0), (C, 1.0))
    assert text_of(terms_of({A: 0.0, B: -1.0, C: 1.0})) == "-1.0*b + c"
    assert text_of(()) == "0"
    assert LinearForm(1.0, {A: 0.0, B: 0.5}).used == [B]


class Pairing:
    """Merges by one method, and notes who asks for its name."""

    def __init__(self) -> None:
        self.asked = 0

    def names(self) -> Collection[str]:
        self.asked += 1
        return {"pair"}

    def call(self, name: str, vectors: Sequence[Weights], options: Mapping[str, OptionValue]) -> Weights:
        return {Merged(name, tuple(map(terms_of, vectors)), tuple(options.items())): 1.0}


def test_merges_are_asked_for_when_one_is_called() -> None:
    merges = Pairing()
    linear_form("base + mean(a, b)", "ab", merges=merges)
    assert merges.asked == 0
    form = linear_form("2*pair(a, b - b, k=1)", "ab", merges=merges)
    assert form.coefficients == {Merged("pair", (((A, 1.0),), ()), (("k", 1.0),)): 2.0}
    with pytest.raises(ExpressionError, match=r"unknown function .pear.; did you mean .pair.\?"):
        linear_form("pear(a)", "ab", merges=merges)


def test_equal_calls_are_one_leaf_that_cancels() -> None:
    form = linear_form("pair(a, b) - pair( a,b ) + pair(b, a)", "ab", merges=Pairing())
    assert list(form.coefficients.values()) == [0.0, 1.0]
