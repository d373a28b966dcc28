"""Recipes carried out: values against float64, the same bytes from OUT/recipe.yaml, refusals before weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layered_models import NUM_LAYERS, Workplace, layer_of

from taskvec import RunOptions, Store, merge
from taskvec.editing.recipe.loading import load_recipe
from taskvec.editing.write import Merging
from taskvec.errors import TaskvecError
from taskvec.testing.checkpoints import save_folder

SEVERAL_STEPS = """\
base: base
vectors: {math: math, code: code, law: law}
parameters: {lam: 0.5}
steps:
  both: math + 2*code
  deep:
    expression: both - law
    coefficients:
    - {tensors: "*.mlp.*", value: {gradient: [0, 1]}}
    - {layers: [0, 2], value: 0.25}
    - {value: 0}
result: base + lam*both + deep
"""


def _deep(name: str) -> float:
    layer = layer_of(name)
    if ".mlp." in name and layer is not None:
        return layer / (NUM_LAYERS - 1)
    return 0.25 if layer in {0, 1} or "embed" in name else 0.0


def test_steps_and_coefficients_by_name_and_layer_are_what_they_say(place: Workplace) -> None:
    def delta(name: str) -> np.ndarray:
        both = place.delta("math", name) + 2 * place.delta("code", name)
        return 0.5 * both + _deep(name) * (both - place.delta("law", name))

    place.expect(place.merged(SEVERAL_STEPS), delta)


def test_a_merge_takes_options_by_vector_and_by_name(place: Workplace) -> None:
    found = place.merged(
        "base: base\nvectors: {math: math, code: code}\n"
        "steps:\n  mixed:\n    method: task_arithmetic\n"
        "    vectors:\n      math: {weight: [{tensors: '*mlp*', value: 0.3}, {value: 0.7}]}\n"
        "      math - code: {weight: {gradient: [1, 0]}}\n"
        "    options: {scaling: 2}\n"
        "result: base + mixed\n"
    )

    def delta(name: str) -> np.ndarray:
        layer = layer_of(name)
        second = 1 if layer is None else 1 - layer / (NUM_LAYERS - 1)
        first = 0.3 if "mlp" in name else 0.7
        math = place.delta("math", name)
        return 2 * (first * math + second * (math - place.delta("code", name)))

    place.expect(found, delta)


@pytest.mark.parametrize(
    "text",
    [
        SEVERAL_STEPS,
        "base: base\nvectors: {math: math, code: code}\nresult: base + dare_linear(math, code, density=0.5)\nseed: 3\n",
        "base: base\nvectors: {math: math, code: code}\nsteps: {m: {method: ties, vectors: [math, code]}}\nresult: m\n",
        "merge_method: linear\nparameters: {weight: 2}\nmodels: [{model: math}, {model: law}]\n",
        (
            "merge_method: passthrough\nslices:\n- sources: [{model: math, layer_range: [0, 3]}]\n"
            "- sources: [{model: law, layer_range: [1, 4]}]\n"
        ),
    ],
    ids=["steps", "random", "task vector", "mergekit", "stack"],
)
def test_the_recipe_beside_an_output_makes_the_same_bytes(place: Workplace, text: str) -> None:
    merge(place.write(text), "out")
    merge("out/recipe.yaml", "sibling")
    merge("out/recipe.yaml", "elsewhere/deeper/out")
    merge("elsewhere/deeper/out/recipe.yaml", "back")
    for other in ("sibling", "elsewhere/deeper/out", "back"):
        for name in ("model.safetensors", "config.json"):
            first, second = Path("out", name), Path(other, name)
            assert first.exists() == second.exists()
            assert not first.exists() or first.read_bytes() == second.read_bytes()
    assert Path("back/recipe.yaml").read_text(encoding="utf-8") == Path("out/recipe.yaml").read_text(encoding="utf-8")


def test_a_moved_folder_of_models_still_makes_the_same(place: Workplace, tmp_path: Path) -> None:
    merge(place.write(SEVERAL_STEPS), "out")
    before = Path("out/model.safetensors").read_bytes()
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    merge(moved / "out" / "recipe.yaml", moved / "again")
    assert (moved / "again" / "model.safetensors").read_bytes() == before
    moved.rename(tmp_path)


def test_the_recipe_is_in_the_metadata_and_names_no_path(place: Workplace) -> None:
    merge(place.write(SEVERAL_STEPS), "out", seed=5)
    raw = Path("out/model.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    record = json.loads(header["__metadata__"]["taskvec"])
    assert "seed: 5" in record["recipe"]
    assert "lam: 0.5" in record["recipe"]
    assert str(place.folder) not in json.dumps(record)
    assert str(place.folder) not in Path("out/README.md").read_text(encoding="utf-8")


def test_what_is_said_beside_a_recipe_becomes_part_of_it(place: Workplace) -> None:
    from taskvec import OutputOptions
    from taskvec.types import DType

    merge(place.write(SEVERAL_STEPS), "out", output=OutputOptions(dtype=DType.BF16, shard_size=600))
    again = load_recipe("out/recipe.yaml").last.output
    assert (again.dtype, again.shard_size) == ("bf16", "600")
    assert len(list(Path("out").glob("*.safetensors"))) > 1
    assert json.loads(Path("out/config.json").read_text(encoding="utf-8"))["torch_dtype"] == "bfloat16"


def test_a_store_and_its_parts_serve_a_recipe(place: Workplace) -> None:
    store = Store.init("store", "base")
    store.add({"math": "math", "code": "code"})
    found = place.merged("store: store\nsteps: {both: math + code}\nresult: base + 0.5*both - orthogonal(math, both)\n")
    names = list(place.models["base"])
    flat = {task: np.concatenate([place.delta(task, name).ravel() for name in names]) for task in ("math", "code")}
    both = flat["math"] + flat["code"]
    rest = flat["math"] - (flat["math"] @ both) / (both @ both) * both
    expected = np.concatenate([place.models["base"][name].ravel() for name in names]) + 0.5 * both - rest
    np.testing.assert_allclose(np.concatenate([found[name].ravel() for name in names]), expected, atol=1e-5)
    card = Path("out/README.md").read_text(encoding="utf-8")
    assert "content (blake3)" in card
    assert "base_model: [base, math, code]" in card


def test_another_model_may_be_edited_than_the_base(place: Workplace) -> None:
    found = place.merged("base: base\nonto: law\nvectors: {math: math}\nresult: base + 0.5*math\n")
    place.expect(found, lambda name: place.delta("law", name) + 0.5 * place.delta("math", name))


def test_documents_with_names_are_made_first_and_removed_again(place: Workplace) -> None:
    found = place.merged(
        "base: half\nvectors: {law: law, half: half}\nresult: base + 0.5*law\n---\n"
        "name: half\nbase: base\nvectors: {math: math}\nresult: base + 0.5*math\n"
    )
    expected = {
        name: (base + 0.5 * place.delta("math", name)).astype(np.float32) for name, base in place.models["base"].items()
    }
    for name, values in found.items():
        law = place.models["law"][name].astype(np.float64)
        np.testing.assert_allclose(values, 0.5 * expected[name] + 0.5 * law, atol=1e-6)
    assert not [path.name for path in place.folder.iterdir() if path.name.startswith(".")]
    merge("out/recipe.yaml", "again")
    assert Path("again/model.safetensors").read_bytes() == Path("out/model.safetensors").read_bytes()


MATH = "base: base\nvectors: {math: math}\n"
REFUSED = [
    (
        "base: base\nvectors: {other: other}\nresult: base + other\n",
        "is in the base base and missing from other (and 1 more)",
    ),
    ("base: base\nvectors: {math: math}\nresult: base + mth\n", "unknown name 'mth'; did you mean 'math'?"),
    ("base: base\nresult: 2*base\n", "base occurs 2 times"),
    ("base: base\nvectors: {math: math}\nsteps: {s: base + math}\nresult: s\n", "step s: s: a step is a task vector"),
    ("base: base\nvectors: {math: math}\nsteps: {s: later, later: math}\nresult: s\n", "step s: expression, column 1"),
    ("base: nothing\nresult: base\n", "nothing: no such file or folder"),
    (
        "base: base\nvectors: {odd: odd}\nresult: base + odd\n",
        "lm_head.weight: shape [11, 8] in odd does not match [12, 8]",
    ),
    (
        "base: base\nvectors: {math: math}\nsteps: {s: {method: tise, vectors: [math]}}\nresult: s\n",
        "step s: unknown method 'tise' (did you mean 'ties'?)",
    ),
    (
        f"{MATH}steps: {{s: {{method: ties, vectors: [math], options: {{dens: 1}}}}}}\nresult: s\n",
        "step s: ties takes no option 'dens' (did you mean 'density'?)",
    ),
    (
        "base: base\nvectors: {math: math}\nsteps: {s: {method: ties, vectors: {math: {densty: 1}}}}\nresult: s\n",
        "step s: ties takes no option 'densty' (did you mean 'density'?)",
    ),
    (
        "base: base\nvectors: {math: math}\nsteps: {s: {method: ties, vectors: {math: {density: 3}}}}\nresult: s\n",
        "step s: ties: density is 3",
    ),
    (
        (
            "base: base\nvectors: {math: math}\n"
            "steps: {s: {method: ties, vectors: [math], options: {density: [{tensors: '*q*', value: 1}]}}}\nresult: s\n"
        ),
        "density: no case holds for tensor 'lm_head.weight': add",
    ),
    (
        "base: base\nvectors: {math: math}\noutput: {tokenizer: law}\nresult: base\n",
        "tokenizer_source is 'law': use base, union",
    ),
    ("base: base\nvectors: {math: math}\noutput: {tokenizer: math}\nresult: base\n", "tokenizer"),
    (
        "base: {slices: [{model: math, layers: [0, 5]}]}\nresult: base\n",
        "math: has 4 layers 'model.layers.N', and layers",
    ),
    ("store: nothing\nresult: base\n", "nothing"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message[:30] for _, message in REFUSED])
def test_what_cannot_be_done_is_refused_before_a_weight_is_read(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    from taskvec.checkpoints.table import FileSpan

    odd = {**place.models["math"], "lm_head.weight": np.zeros((11, 8), np.float32)}
    save_folder(place.folder / "odd", odd)
    save_folder(place.folder / "other", {n: array for n, array in place.models["math"].items() if ".3." not in n})

    def refuse(*_: object) -> None:
        raise AssertionError("a weight is read")

    monkeypatch.setattr(FileSpan, "read_into", refuse)
    with pytest.raises(TaskvecError) as caught:
        merge(place.write(text), "out")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("out").exists()


def test_a_plan_reads_no_weight_and_counts_hashes_and_candidates(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from taskvec.checkpoints.table import FileSpan

    monkeypatch.setattr(FileSpan, "read_into", lambda *_: pytest.fail("a weight is read"))
    text = (
        "base: base\nvectors: {math: math}\nparameters: {lam: {search: grid, points: 5}}\n"
        "validation: {command: ['true']}\nresult: base + lam*math\n"
    )
    plan = Merging(load_recipe(place.write(text)), RunOptions()).plan("out")
    labels = [planned.label for planned in plan.passes]
    assert labels == ["combine 1 sources, for 5 candidates", "combine 1 sources", "hash 2 files (SHA-256)"]
    assert plan.passes[0].read_bytes == 5 * plan.passes[1].read_bytes
