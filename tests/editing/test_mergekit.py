"""mergekit's recipes as they are: precedence, gradients, filters, slices; and what is refused, by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layered_models import NUM_LAYERS, Workplace, layer_of

from taskvec import merge
from taskvec.editing.recipe.loading import load_recipe, parse_recipe
from taskvec.editing.recipe.mergekit.schema import Condition
from taskvec.editing.recipe.settings import Case, Gradient
from taskvec.errors import RecipeError, TaskvecError
from taskvec.methods import METHODS

HEAD = "merge_method: task_arithmetic\nbase_model: base\n"


def test_weights_are_found_by_precedence_filter_and_layer(place: Workplace) -> None:
    found = place.merged(
        HEAD + "models:\n"
        "- model: math\n  parameters:\n    weight:\n"
        "    - {filter: mlp, value: [0, 1, 0.5]}\n    - {filter: lm_head, value: 2}\n"
        "- model: code\n"
        "- model: base\n"
        "parameters:\n  weight: [0.2, 0.8]\n  lambda: 0.5\n"
    )

    def gradient(points: list[float], name: str) -> float:
        layer = layer_of(name)
        place_ = 0.0 if layer is None else layer / (NUM_LAYERS - 1)
        return float(np.interp(place_, np.linspace(0, 1, len(points)), points))

    def delta(name: str) -> np.ndarray:
        common = gradient([0.2, 0.8], name)
        own = gradient([0, 1, 0.5], name) if "mlp" in name else 2.0 if "lm_head" in name else common
        return 0.5 * (own * place.delta("math", name) + common * place.delta("code", name))

    place.expect(found, delta)


def test_slices_are_renumbered_and_have_parameters_and_gradients_of_their_own(place: Workplace) -> None:
    found = place.merged(
        "merge_method: linear\nparameters: {weight: 0.5}\nslices:\n"
        "- sources:\n"
        "  - {model: math, layer_range: [0, 3], parameters: {weight: [0, 1]}}\n"
        "  - {model: code, layer_range: [1, 4]}\n"
        "  parameters: {weight: 2}\n"
        "- sources:\n"
        "  - {model: law, layer_range: [3, 4], parameters: {weight: [1, 3]}}\n"
        "  - {model: math, layer_range: [0, 1]}\n"
    )
    sources = {  # output layer → ((model, layer, weight), (model, layer, weight))
        0: (("math", 0, 0.0), ("code", 1, 2)),
        1: (("math", 1, 0.5), ("code", 2, 2)),
        2: (("math", 2, 1.0), ("code", 3, 2)),
        3: (("law", 3, 3.0), ("math", 0, 0.5)),  # a slice of one layer takes the end of a gradient
    }

    def mean(name: str, pairs: tuple[tuple[str, int, float], ...]) -> np.ndarray:
        layer = layer_of(name)
        named = [(model, name.replace(f".{layer}.", f".{own}."), weight) for model, own, weight in pairs]
        total = sum(weight * place.models[model][own].astype(np.float64) for model, own, weight in named)
        return total / sum(weight for _, _, weight in named)

    for name, values in found.items():
        layer = layer_of(name)
        if layer is not None:
            expected = mean(name, sources[layer])
        elif "embed" in name:
            expected = mean(name, (("math", 0, 0.0), ("code", 0, 2)))  # of the first slice; a gradient's beginning
        else:
            expected = mean(name, (("law", 0, 1.0), ("math", 0, 0.5)))  # of the last
        np.testing.assert_allclose(values, expected, atol=1e-6, err_msg=name)
    assert json.loads(Path("out/config.json").read_text(encoding="utf-8"))["num_hidden_layers"] == 4


@pytest.mark.parametrize("method", ["linear", "ties"])
def test_slices_may_have_different_numbers_of_sources(place: Workplace, method: str) -> None:
    base = method == "ties"
    sources = [("math", "code", "law"), ("law",), ("code", "law")]
    text = (
        f"merge_method: {method}\nparameters: {{weight: 0.5}}\n" + ("base_model: base\n" if base else "") + "slices:\n"
    )
    for n, models in enumerate(sources):
        named = [*models, *(["base"] if base else [])]
        text += f"- sources: [{', '.join(f'{{model: {m}, layer_range: [{n}, {n + 1}]}}' for m in named)}]\n"
    found = place.merged(text)
    for name, values in found.items():
        layer = layer_of(name)
        models = sources[0 if layer is None and "embed" in name else -1 if layer is None else layer]
        if method == "linear":
            expected = np.mean([place.models[model][name].astype(np.float64) for model in models], axis=0)
        else:
            deltas = [place.delta(model, name) for model in models]
            options = {"semantics": "mergekit", "weight": 0.5}
            expected = place.models["base"][name] + METHODS["ties"](deltas, names=list(models), tensor=name, **options)
        np.testing.assert_allclose(values, expected, atol=1e-6, err_msg=name)


def test_other_methods_need_slices_that_are_alike(place: Workplace) -> None:
    sources = [
        "{model: math, layer_range: [0, 2]}, {model: code, layer_range: [0, 2]}",
        "{model: law, layer_range: [0, 2]}",
    ]
    text = "merge_method: karcher\nslices:\n" + "".join(f"- sources: [{one}]\n" for one in sources)
    with pytest.raises(RecipeError, match="the same number of sources for this method"):
        place.merged(text)


def test_a_frankenmerge_copies_bits_and_counts_its_layers(place: Workplace) -> None:
    found = place.merged(
        "merge_method: passthrough\nslices:\n"
        "- sources: [{model: math, layer_range: [0, 3]}]\n- sources: [{model: law, layer_range: [1, 4]}]\n"
    )
    origins = [("math", 0), ("math", 1), ("math", 2), ("law", 1), ("law", 2), ("law", 3)]
    for layer, (model, own) in enumerate(origins):
        for part in ("mlp.up_proj", "self_attn.q_proj"):
            written = found[f"model.layers.{layer}.{part}.weight"]
            np.testing.assert_array_equal(written, place.models[model][f"model.layers.{own}.{part}.weight"])
    np.testing.assert_array_equal(found["model.embed_tokens.weight"], place.models["math"]["model.embed_tokens.weight"])
    np.testing.assert_array_equal(found["lm_head.weight"], place.models["law"]["lm_head.weight"])
    assert len(found) == 3 + 2 * len(origins)
    assert json.loads(Path("out/config.json").read_text(encoding="utf-8"))["num_hidden_layers"] == 6


def test_references_are_beside_the_recipe_or_in_the_working_directory(place: Workplace) -> None:
    text = HEAD + "models: [{model: math, parameters: {weight: 1}}]\n"
    merge(place.write(text, "recipes/one.yaml"), "out")
    place.expect(place.load("out"), lambda name: place.delta("math", name))
    (place.folder / "recipes" / "math").mkdir()
    with pytest.raises(TaskvecError, match="math: is beside the recipe and in the working directory"):
        merge(place.write(text, "recipes/two.yaml"), "out2")


def test_documents_of_mergekit_are_made_in_order(place: Workplace) -> None:
    found = place.merged(
        "merge_method: linear\nmodels:\n"
        "- {model: half, parameters: {weight: 1}}\n- {model: law, parameters: {weight: 1}}\n"
        "---\nname: half\nmerge_method: linear\nmodels:\n"
        "- {model: math, parameters: {weight: 1}}\n- {model: code, parameters: {weight: 1}}\n"
    )
    place.expect(
        found,
        lambda name: (
            0.25 * place.delta("math", name) + 0.25 * place.delta("code", name) + 0.5 * place.delta("law", name)
        ),
    )


def test_a_name_of_mergekit_s_may_hold_any_character(place: Workplace) -> None:
    math = "merge_method: linear\nmodels: [{model: math, parameters: {weight: 1}}]\n"
    code = "merge_method: linear\nmodels: [{model: code, parameters: {weight: 1}}]\n"
    found = place.merged(
        f"name: 7b-half\n{math}---\nname: 7b half\n{code}---\n"
        "merge_method: linear\nmodels:\n"
        "- {model: 7b half, parameters: {weight: 1}}\n- {model: 7b-half, parameters: {weight: 3}}\n"
    )
    place.expect(found, lambda name: 0.25 * place.delta("code", name) + 0.75 * place.delta("math", name))
    again = load_recipe("out/recipe.yaml").recipes
    assert [recipe.name for recipe in again] == ["m7b_half", "m7b_half_2", None]
    merge("out/recipe.yaml", "again")
    assert Path("again/model.safetensors").read_bytes() == Path("out/model.safetensors").read_bytes()


def save_tokenizer(folder: Path, vocabulary: dict[str, int]) -> None:
    nothing = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "0"}
    content = {"version": "1.0", **dict.fromkeys(nothing), "added_tokens": [], "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("key", ["tokenizer_source: math", "tokenizer: {source: math}"])
def test_a_tokenizer_comes_from_the_model_that_is_named(place: Workplace, key: str) -> None:
    tokens = {str(row): row for row in range(12)}
    swapped = {**tokens, "3": 4, "4": 3}
    for name, vocabulary in (("base", tokens), ("math", swapped)):
        save_tokenizer(place.folder / name, vocabulary)
    place.merged(f"{HEAD}{key}\n{MODELS}")
    assert json.loads(Path("out/tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"] == swapped
    assert Path("out/config.json").exists()


def test_rows_are_brought_together_by_token(place: Workplace) -> None:
    tokens = {str(row): row for row in range(12)}
    swapped = {**tokens, "3": 4, "4": 3}
    for name, vocabulary in (("base", tokens), ("math", swapped)):
        save_tokenizer(place.folder / name, vocabulary)
    found = place.merged(f"{HEAD}tokenizer_source: base\n{MODELS}")
    order = [0, 1, 2, 4, 3, *range(5, 12)]
    expected = place.models["math"]["model.embed_tokens.weight"][order]
    np.testing.assert_allclose(found["model.embed_tokens.weight"], expected, atol=1e-6)
    np.testing.assert_allclose(found["model.norm.weight"], place.models["math"]["model.norm.weight"], atol=1e-6)


MODELS = "models:\n- {model: math, parameters: {weight: 1}}\n"
REFUSED = [
    (HEAD + "merge_metod: x\n" + MODELS, "recipe.yaml:3: unknown key 'merge_metod'; did you mean 'merge_method'?"),
    (HEAD + "models:\n- {model: math, parameter: {weight: 1}}\n", "recipe.yaml:4: unknown key 'models[0].parameter'"),
    (
        HEAD + "models:\n- {model: math, parameters: {wieght: 1}}\n",
        "takes no parameter 'wieght'; did you mean 'weight'?",
    ),
    (HEAD + "parameters: {t: 0.5}\n" + MODELS, "task_arithmetic takes no parameter 't'"),
    ("merge_method: tie\nbase_model: base\n" + MODELS, "merge_method: unknown method 'tie' (did you mean 'ties'?)"),
    ("merge_method: ties\n" + MODELS, "merge_method ties needs a base: write base_model"),
    (HEAD + "models: [{model: math}]\n", "task_arithmetic needs weight for 'math'"),
    (
        HEAD + "models: [{model: math, parameters: {weight: heavy}}]\n",
        "recipe.yaml:1: merge_method task_arithmetic: weight is heavy, expected a number",
    ),
    (
        "merge_method: ties\nbase_model: base\nmodels: [{model: math, parameters: {weight: 1, density: 1.5}}]\n",
        "recipe.yaml:1: merge_method ties: density is 1.5, expected above 0 and at most 1",
    ),
    (
        (
            "merge_method: della\nbase_model: base\nparameters: {epsilon: 0.9}\n"
            "models: [{model: math, parameters: {weight: 1, density: 0.5}}]\n"
        ),
        "recipe.yaml:1: merge_method della: epsilon spreads the chances beyond 0 … 1",
    ),
    (HEAD + "dtype: float64\n" + MODELS, "dtype 'float64' is not supported: use bfloat16, float16, float32"),
    (HEAD + "tokenizer_source: mth\n" + MODELS, "tokenizer_source 'mth' is none of the models; did you mean 'math'?"),
    (HEAD + "tokenizer: {source: base, tokens: {x: {source: base}}}\n" + MODELS, "tokens is not supported"),
    (HEAD + "tokenizer: {source: base, pad_to_multiple_of: 8}\n" + MODELS, "pad_to_multiple_of is not supported"),
    (HEAD + "chat_template: auto\n" + MODELS, "chat_template is not supported"),
    (HEAD + "modules: {text: {models: []}}\n", "modules are not supported"),
    (HEAD, "write either models or slices"),
    ("merge_method: linear\nparameters: {lambda: 2}\n" + MODELS, "linear takes no parameter 'lambda'"),
    ("merge_method: slerp\nparameters: {t: 0.5}\n" + MODELS, "merge_method slerp needs a base: write base_model"),
    (
        "merge_method: slerp\nbase_model: base\nparameters: {t: 0.5}\nmodels: [{model: math}, {model: law}]\n",
        "recipe.yaml:1: merge_method slerp takes two models, found 3: 'base', 'math', 'law'",
    ),
    (
        "merge_method: nuslerp\nparameters: {weight: 1}\n" + MODELS,
        "recipe.yaml:1: merge_method nuslerp takes two models, found 1: 'math'",
    ),
    (
        "merge_method: nearswap\nbase_model: base\nparameters: {t: 0.5}\nmodels: [{model: math}, {model: law}]\n",
        "recipe.yaml:1: merge_method nearswap takes one model beside base_model, found 2: 'math', 'law'",
    ),
    (
        "merge_method: model_stock\nbase_model: base\nmodels: [{model: base}, {model: law}]\n",
        "recipe.yaml:1: merge_method model_stock takes at least two models beside base_model, found 1: 'law'",
    ),
    (HEAD + "parameters: {seed: 1}\n" + MODELS, "task_arithmetic takes no parameter 'seed'"),
    (HEAD + MODELS + "slices: [{sources: [{model: math, layer_range: [0, 1]}]}]\n", "write either models or slices"),
    (HEAD + "slices: [{sources: [{model: math, layer_range: [0, 1]}]}]\n", "base_model 'base' is none of the sources"),
    (HEAD + MODELS + "- {model: math, parameters: {weight: 1}}\n", "'math' occurs twice among the models"),
    (
        "merge_method: passthrough\nslices:\n- {sources: [{model: math, layer_range: [0, 9]}]}\n",
        "math: has 4 layers 'model.layers.N', and layers [0, 9] are asked for",
    ),
    (
        "merge_method: passthrough\nslices:\n- {sources: [{model: math, layer_range: [0, 2]}], residual_weight: 1}\n",
        "residual_weight is not supported",
    ),
    (
        (
            "merge_method: linear\nslices:\n"
            "- sources: [{model: math, layer_range: [0, 2]}, {model: law, layer_range: [0, 1]}]\n"
        ),
        "the sources of a slice must have the same number of layers",
    ),
    (
        "merge_method: passthrough\nslices: [{sources: [{model: math, layer_range: [-1, 2]}]}]\n",
        "recipe.yaml:2: slices[0].sources[0].layer_range[0] is -1, expected greater than or equal to 0",
    ),
    ("merge_method: passthrough\nmodels: [{model: math}, {model: law}]\n", "passthrough takes one model as it is"),
    (
        HEAD + "models:\n- {model: {model: math, override_architecture: X}, parameters: {weight: 1}}\n",
        "override_architecture is not supported",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_is_not_supported_is_refused_by_name(place: Workplace, text: str, message: str) -> None:
    with pytest.raises(TaskvecError) as caught:
        place.merged(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("out").exists()


def test_settings_become_cases() -> None:
    file = parse_recipe(
        HEAD + "models:\n- {model: /m/a-b, parameters: {weight: {filter: 'a*b', value: 1e-3}}}\n- {model: /m/7b}\n"
        "parameters: {weight: 1}\n",
        "r.yaml",
        Path("/nowhere"),
    )
    step = file.last.steps["_merged"]
    assert step.vectors == {
        "a_b": {"weight": (Case(tensors="*a[*]b*", value=0.001), Case(value=1))},
        "m7b": {"weight": 1},
    }
    assert file.last.semantics == "mergekit"


def test_keys_without_a_value_are_as_if_not_there() -> None:
    file = parse_recipe(HEAD + "dtype:\nparameters:\n" + MODELS, "r.yaml", Path("/nowhere"))
    assert file.last.output.dtype is None


@pytest.mark.parametrize(("t", "value"), [(0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 1.0), (1, 0.0)])
def test_a_gradient_goes_through_its_points(t: float, value: float) -> None:
    assert Gradient(gradient=(1, 2, 0)).at(t) == value


def test_words_and_switches_go_in_steps() -> None:
    assert [Gradient(gradient=("a", "b", "c")).at(t) for t in (0, 0.49, 0.5, 0.99, 1)] == ["a", "a", "b", "b", "c"]
    assert Condition(value=True).value is True
