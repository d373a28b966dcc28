"""Every mistake in a recipe is one line that says where, what, and what was probably meant; every recipe comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskvec.editing.recipe.file import dump_recipes
from taskvec.editing.recipe.loading import parse_recipe
from taskvec.editing.recipe.schema import Recipe
from taskvec.errors import RecipeError

GOOD = """\
taskvec: 1
base: models/base
vectors:
  math: models/math
  code: {model: models/code, allow: [extra]}
  stack: {slices: [{model: models/math, layers: [0, 4]}]}
parameters: {lam: 0.4, mu: {search: golden, low: -1, high: 1}}
validation: {command: [python, validate.py]}
steps:
  skills: math + code
  trimmed:
    method: ties
    vectors: {math: {weight: 0.4}, code: {weight: {gradient: [0, 1]}}}
    options: {density: [{tensors: "*.mlp.*", value: 0.4}, {value: 0.2}]}
    coefficients: [{layers: [0, 2], value: 0.5}, {value: 1}]
result: base + lam*skills + mu*trimmed
output: {dtype: bf16, shard_size: 5GB, tokenizer: math, card: false}
"""


def test_a_whole_recipe_is_understood_and_comes_back() -> None:
    file = parse_recipe(GOOD, "r.yaml", Path("/nowhere"))
    again = parse_recipe(dump_recipes(file.recipes), "again.yaml", Path("/elsewhere"))
    assert again.recipes == file.recipes
    assert file.last.vectors["math"].model == "models/math"  # what is not there may be a hub's
    assert file.last.searched.keys() == {"mu"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vectors:\n  math", "vectrs:\n  math", "r.yaml:3: unknown key 'vectrs'; did you mean 'vectors'?"),
        (
            "value: 0.2}",
            "valu: 0.2}",
            "r.yaml:14: unknown key 'steps.trimmed.options.density[1].valu'; did you mean 'value'?",
        ),
        ("shard_size", "shardsize", "r.yaml:17: unknown key 'output.shardsize'; did you mean 'shard_size'?"),
        ("gradient:", "gradiant:", "r.yaml:13: unknown key 'steps.trimmed.vectors.code.weight.gradiant'; did you mean"),
        ("options:", "opts:", "r.yaml:14: unknown key 'steps.trimmed.opts'; did you mean 'options'?"),
        ("bf16", "bf17", "r.yaml:17: output.dtype: unknown dtype 'bf17': use bf16, f16 or f32"),
        ("5GB", "5XB", "r.yaml:17: output.shard_size: '5XB' is no size: write for example 512MiB"),
        ("result: base + lam*skills + mu*trimmed\n", "", "r.yaml:1: result is missing; add it"),
        ("  skills: math", "  base: math", "r.yaml:10: steps.base: 'base' is no name: use letters, digits and _"),
        ("  skills: math", "  a b: math", "r.yaml:10: steps.a b: 'a b' is no name: use letters, digits and _"),
        ("  skills: math", "  math: math", "r.yaml:1: the recipe: the step 'math' has a name that is taken"),
        ("method: ties", "method: 3", "r.yaml:12: steps.trimmed.method is 3, expected a valid string"),
        ("method: ties", "expression: code", "r.yaml:11: steps.trimmed: vectors and options go with method"),
        ("layers: [0, 4]", "layers: [4, 1]", "r.yaml:6: vectors.stack.slices[0]: layers [4, 1] are none"),
        ("layers: [0, 4]", "layers: [0, 4, 5]", "r.yaml:6: vectors.stack.slices[0].layers is [0, 4, 5]: tuple should"),
        ("low: -1", "low: x", "r.yaml:7: parameters.mu.low is 'x', expected a valid integer"),
        ("low: -1", "low: 2", "r.yaml:7: parameters.mu: low 2 is not below high 1"),
        ("golden", "grid", "r.yaml:7: parameters.mu: a grid is geometric and needs low above 0"),
        ("golden", "random", "r.yaml:7: parameters.mu.search is 'random', expected 'grid' or 'golden'"),
        ("lam: 0.4", "lam: .inf", "r.yaml:7: parameters.lam is inf, expected a finite number"),
        (
            "allow: [extra]",
            "allow: [extras]",
            "r.yaml:5: vectors.code.allow[0] is 'extras', expected 'missing', 'extra'",
        ),
        ("taskvec: 1", "taskvec: 2", "r.yaml:1: taskvec is 2, expected 1"),
        ("base: models/base", "base: 3", "r.yaml:2: base is 3, expected a valid string"),
        ("base: models/base", "store: s", "r.yaml:1: the recipe: a store has its own vectors"),
        ("base: models/base\n", "", "r.yaml:1: the recipe: write either base, with vectors, or store"),
        (
            "validation: {command: [python, validate.py]}\n",
            "",
            "r.yaml:1: the recipe: a parameter with search and a val",
        ),
        ("command: [python, validate.py]", "command: []", "r.yaml:8: validation.command is []: "),
    ],
)
def test_a_mistake_is_one_line_that_says_where(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD.replace(old, new), "r.yaml", Path("/nowhere"))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "r.yaml:1: holds no recipe"),
        ("[1, 2]", "r.yaml:1: the recipe is [1, 2], expected a valid dictionary"),
        ("base: b\nresult: base\n---\nbase: b\nresult: base\n", "r.yaml:1: 2 documents have no name"),
        (
            "name: a\nbase: b\nresult: base\n---\nname: a\nbase: b\nresult: base\n---\nbase: a\nresult: base\n",
            "r.yaml:1: two",
        ),
        (
            "name: a\nbase: b\nresult: base\n---\nname: b\nbase: a\nresult: base\n---\nbase: a\nresult: base\n",
            "r.yaml:1: the document 'a' refers to itself through others",
        ),
    ],
)
def test_documents_that_make_no_order_are_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "r.yaml", Path("/nowhere"))
    assert str(caught.value).startswith(message)


_NAMES = st.sampled_from(["math", "code", "law", "lam", "mu", "skills", "trimmed"])
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6)
_VALUES = _NUMBERS | st.booleans() | st.sampled_from(["sum", "1e-3", "yes", "größe: #"])
_GRADIENTS = st.builds(lambda values: {"gradient": values}, st.lists(_VALUES, min_size=1, max_size=3))
_CASES = st.lists(
    st.fixed_dictionaries(
        {"value": _VALUES | _GRADIENTS}, optional={"tensors": st.text("*.ab[]?", min_size=1), "layers": st.just([0, 3])}
    ),
    min_size=1,
    max_size=3,
)
_SETTINGS = _VALUES | _GRADIENTS | _CASES
_OPTIONS = st.dictionaries(_NAMES, _SETTINGS, max_size=2)
_STEPS = st.just("math + code") | st.fixed_dictionaries(
    {"method": _NAMES, "vectors": st.dictionaries(st.sampled_from(["math", "2*code"]), _OPTIONS, max_size=2)},
    optional={"options": _OPTIONS, "coefficients": _SETTINGS},
)


@given(
    st.fixed_dictionaries(
        {
            "base": st.just("/models/base"),
            "vectors": st.dictionaries(st.sampled_from(["a", "b"]), st.just("/models/x"), max_size=2),
            "steps": st.dictionaries(_NAMES, _STEPS, max_size=3),
            "result": st.just("base"),
        },
        optional={
            "parameters": st.dictionaries(st.sampled_from(["p", "q"]), _NUMBERS, max_size=2),
            "seed": st.integers(0, 10**9),
            "output": st.fixed_dictionaries({}, optional={"dtype": st.just("f32"), "card": st.booleans()}),
        },
    )
)
def test_any_recipe_comes_back_from_its_text(data: dict[str, object]) -> None:
    recipe = Recipe.model_validate(data)
    file = parse_recipe(dump_recipes([recipe]), "r.yaml", Path("/nowhere"))
    assert file.recipes == (recipe,)
