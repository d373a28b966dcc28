"""YAML has one meaning: no key twice, no tags, no numbers for keys, no endless aliases; and it comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskvec.editing.recipe.yaml_text import dump, parse_documents
from taskvec.errors import RecipeError

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
)
_DATA = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",)), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_DATA.filter(lambda data: data is not None))
def test_what_is_dumped_comes_back(data: object) -> None:
    (document,) = parse_documents(dump(data), "x.yaml")
    assert document.data == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: the key 'a' is given twice; keep one"),
        ("a:\n  b: 1\n  b: 2\n", "x.yaml:3: the key 'b' is given twice; keep one"),
        ("a: !!python/object/apply:os.system [echo]\n", "x.yaml:1: a list with the tag"),
        ("a: !!binary aGk=\n", "x.yaml:1: 'aGk=' is read as a bytes; write it in quotes"),
        ("no: 1\n", "x.yaml:1: the key 'no' is no text; write it in quotes"),
        ("a: 2024-01-01\n", "x.yaml:1: '2024-01-01' is read as a date; write it in quotes"),
        ("a: [1, 2\nb: 3\n", "x.yaml:2: is no YAML: "),
        ("a: &x [1]\nb: {<<: *x}\n", "x.yaml:2: '<<' is not supported; write the keys out"),
        ("a: \x07\n", "x.yaml:1: is no YAML: special characters are not allowed"),
    ],
)
def test_what_readers_disagree_about_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_documents(text, "x.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_aliases_that_multiply_are_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(RecipeError, match="too large or refers to itself"):
        parse_documents("\n".join(levels), "x.yaml")


def test_what_refers_to_itself_is_refused() -> None:
    with pytest.raises(RecipeError, match="too large or refers to itself"):
        parse_documents("a: &a [*a]\n", "x.yaml")


def test_deep_nesting_is_refused_in_one_line() -> None:
    with pytest.raises(RecipeError, match=r"x\.yaml:1: "):
        parse_documents("[" * 5000 + "]" * 5000, "x.yaml")


def test_every_part_knows_its_line() -> None:
    (document,) = parse_documents("a: 1\nb:\n  - x\n  - {c: 2}\n", "x.yaml")
    assert document.at(("b", 1, "c")) == "x.yaml:4"
    assert document.at(("b", 0)) == "x.yaml:3"
    assert document.at(("nowhere",)) == "x.yaml:1"
