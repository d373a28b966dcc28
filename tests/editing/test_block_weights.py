"""Weights by block: the published presets, the blocks of every layout, and what a merge makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from example_edits import edit_of_checkpoints
from taskvec import Store, edit, merge
from taskvec.editing.scope.block_presets import BLOCKS, PRESETS, BlockWeights, block_weights
from taskvec.editing.scope.blocks import ModelBlocks
from taskvec.errors import CompositionError, ExpressionError
from taskvec.testing.checkpoints import save_folder

PUBLISHED = {  # hako-mikan/sd-webui-supermerger, scripts/mbwpresets.txt: other tensors, then 25 blocks
    "GRAD_V": "0,1,0.9166666667,0.8333333333,0.75,0.6666666667,0.5833333333,0.5,0.4166666667,0.3333333333,0.25,"
    "0.1666666667,0.0833333333,0,0.0833333333,0.1666666667,0.25,0.3333333333,0.4166666667,0.5,0.5833333333,"
    "0.6666666667,0.75,0.8333333333,0.9166666667,1.0",
    "WRAP14": "0,1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1,1,1",
    "MID12_50": "0,0,0,0,0,0,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0,0,0,0,0,0",
    "OUT12_5": "0,0,0,0,0,0,0,0,0,0,0,0,0,0.5,1,1,1,1,1,1,1,1,1,1,1,1",
    "RING08_SOFT": "0,0,0,0,0,0,0.5,1,1,1,0.5,0,0,0,0,0,0.5,1,1,1,0.5,0,0,0,0,0",
    "RING10_3": "0,0,0,0,0,0,0,1,1,1,1,1,0,0,0,1,1,1,1,1,0,0,0,0,0,0",
    "R_SMOOTHSTEP/4": "0,1,0.925925925925926,0.740740740740741,0.5,0.259259259259259,0.0740740740740742,0.,"
    "0.0740740740740742,0.259259259259259,0.5,0.740740740740741,0.925925925925926,1.,0.925925925925926,"
    "0.740740740740741,0.5,0.259259259259259,0.0740740740740742,0.,0.0740740740740742,0.259259259259259,0.5,"
    "0.740740740740741,0.925925925925926,1",
    "SMOOTHSTEP*3": "0,0,0.0151909722222222,0.0590277777777778,0.12890625,0.222222222222222,0.336371527777778,0.46875,"
    "0.616753472222222,0.777777777777778,0.94921875,0.871527777777778,0.687065972222222,0.5,0.312934027777778,"
    "0.128472222222222,0.0507812500000004,0.222222222222222,0.383246527777778,0.53125,0.663628472222223,"
    "0.777777777777778,0.87109375,0.940972222222222,0.984809027777777,1",
    "ALL_B": ",".join(["1"] * 26),
}

ORIGINAL = [
    "model.diffusion_model.time_embed.0.weight",
    *(f"model.diffusion_model.input_blocks.{n}.0.weight" for n in range(12)),
    "model.diffusion_model.middle_block.1.norm.weight",
    *(f"model.diffusion_model.output_blocks.{n}.0.weight" for n in range(12)),
    "model.diffusion_model.out.2.weight",
    "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight",
    "first_stage_model.decoder.up.0.block.0.conv1.weight",
]
DIFFUSERS = [
    "unet.time_embedding.linear_1.weight",
    "unet.conv_in.weight",
    *(f"unet.down_blocks.{a}.resnets.{b}.conv1.weight" for a in range(4) for b in range(2)),
    *(
        f"unet.down_blocks.{a}.attentions.{b}.transformer_blocks.0.attn1.to_k.weight"
        for a in range(3)
        for b in range(2)
    ),
    *(f"unet.down_blocks.{a}.downsamplers.0.conv.weight" for a in range(3)),
    "unet.mid_block.resnets.0.conv1.weight",
    *(f"unet.up_blocks.{a}.resnets.{b}.conv1.weight" for a in range(4) for b in range(3)),
    *(f"unet.up_blocks.{a}.upsamplers.0.conv.weight" for a in range(3)),
    "unet.conv_out.weight",
    "text_encoder.text_model.encoder.layers.0.mlp.fc1.weight",
    "vae.decoder.up_blocks.0.resnets.0.conv1.weight",
]
SAME = {  # as diffusers converts them
    "unet.conv_in.weight": "model.diffusion_model.input_blocks.0.0.weight",
    "unet.down_blocks.0.downsamplers.0.conv.weight": "model.diffusion_model.input_blocks.3.0.weight",
    "unet.down_blocks.1.attentions.1.transformer_blocks.0.attn1.to_k.weight": (
        "model.diffusion_model.input_blocks.5.0.weight"
    ),
    "unet.down_blocks.3.resnets.1.conv1.weight": "model.diffusion_model.input_blocks.11.0.weight",
    "unet.mid_block.resnets.0.conv1.weight": "model.diffusion_model.middle_block.1.norm.weight",
    "unet.up_blocks.0.upsamplers.0.conv.weight": "model.diffusion_model.output_blocks.2.0.weight",
    "unet.up_blocks.2.resnets.0.conv1.weight": "model.diffusion_model.output_blocks.6.0.weight",
    "unet.up_blocks.3.resnets.2.conv1.weight": "model.diffusion_model.output_blocks.11.0.weight",
    "unet.time_embedding.linear_1.weight": "model.diffusion_model.input_blocks.0.0.weight",
    "unet.conv_out.weight": "model.diffusion_model.output_blocks.11.0.weight",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_are_the_published_numbers(name: str) -> None:
    others, *points = map(float, PUBLISHED[name].split(","))
    found = block_weights(name)
    assert found.others == others
    np.testing.assert_allclose(found.points, points, atol=1e-9)


def test_every_preset_has_a_weight_for_every_block() -> None:
    assert {len(weights.points) for weights in PRESETS.values()} == {BLOCKS}
    assert all(0 <= point <= 1 for weights in PRESETS.values() for point in weights.points)


def test_both_layouts_of_a_unet_have_the_same_blocks() -> None:
    original, diffusers = ModelBlocks.of(ORIGINAL), ModelBlocks.of(DIFFUSERS)
    assert sorted(set(original.depths.values())) == sorted(set(diffusers.depths.values()))
    assert len(set(diffusers.depths.values())) == BLOCKS
    assert all(diffusers.depth(ours) == original.depth(theirs) for ours, theirs in SAME.items())
    assert original.depth("model.diffusion_model.out.2.weight") == 1
    outside = [name for name in DIFFUSERS if not name.startswith("unet.")]
    assert [diffusers.depth(name) for name in outside] == [None, None]


@pytest.mark.parametrize(
    ("names", "depths"),
    [
        (["down_blocks.0.resnets.0.w", "mid_block.w", "up_blocks.0.resnets.0.w", "conv_norm_out.w"], [0, 0.5, 1, 1]),
        (
            ["double_blocks.0.w", "double_blocks.1.w", "single_blocks.0.w", "img_in.w", "final_layer.w"],
            [0, 0.5, 1, 0, 1],
        ),
        (["transformer.transformer_blocks.10.w", "transformer.transformer_blocks.9.w", "vae.conv_in.w"], [1, 0, None]),
    ],
)
def test_blocks_of_other_models(names: list[str], depths: list[float | None]) -> None:
    blocks = ModelBlocks.of(names)
    assert [blocks.depth(name) for name in names] == depths


@pytest.mark.parametrize("count", [2, 3, 19, 25, 57])
def test_any_number_of_blocks_takes_a_preset_by_depth(count: int) -> None:
    blocks = ModelBlocks.of([f"transformer_blocks.{n}.w" for n in range(count)])
    weights = BlockWeights((1.0, 0.0, 0.5))
    found = [weights.at(f"transformer_blocks.{n}.w", blocks) for n in range(count)]
    np.testing.assert_allclose(found, np.interp(np.linspace(0, 1, count), [0, 0.5, 1], weights.points), atol=1e-12)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    for name in ("base", "ink"):
        arrays = {tensor: rng.standard_normal((3, 4)).astype(np.float32) for tensor in DIFFUSERS}
        save_folder(tmp_path / name, arrays)
    return tmp_path


def scaled(models: Path, expression: str) -> dict[str, float]:
    """Return by how much of the delta every tensor was moved."""
    vectors = {"ink": str(models / "ink")}
    edited = edit_of_checkpoints(str(models / "base"), vectors, expression).edited
    whole = edit_of_checkpoints(str(models / "base"), vectors, "ink").edited
    alone = edit_of_checkpoints(str(models / "base"), vectors, expression.removeprefix("base + ")).edited
    found = {}
    for name in DIFFUSERS:
        ratio = alone.read(name) / whole.read(name)
        np.testing.assert_allclose(ratio, ratio.mean(), atol=1e-5)
        np.testing.assert_allclose(edited.read(name), arrays_of(models)[name] + alone.read(name), atol=1e-5)
        found[name] = float(ratio.mean())
    return found


def test_the_same_weights_of_the_same_vector_are_one_merge(models: Path) -> None:
    vectors = {"ink": str(models / "ink")}
    twice = "base + blocks(ink, weights=GRAD_V) + 0.5*blocks(ink, weights=GRAD_V) - blocks(ink, weights=GRAD_A)"
    found = edit_of_checkpoints(str(models / "base"), vectors, twice).merges
    assert [merge.name for merge in found] == ["blocks(ink, weights=GRAD_V)", "blocks(ink, weights=GRAD_A)"]


def arrays_of(models: Path, model: str = "base") -> dict[str, np.ndarray]:
    return load_file(models / model / "model.safetensors")


def expected(weights: Sequence[float], others: float) -> dict[str, float]:
    blocks = ModelBlocks.of(DIFFUSERS)
    depths = {name: blocks.depth(name) for name in DIFFUSERS}
    return {name: others if depth is None else weights[round(depth * 24)] for name, depth in depths.items()}


@pytest.mark.parametrize(
    ("call", "weights", "others", "scaling"),
    [
        ("blocks(ink, weights=GRAD_V)", PRESETS["GRAD_V"].points, 0.0, 1.0),
        ('0.5*blocks(ink, weights="SMOOTHSTEP*2", others=1)', PRESETS["SMOOTHSTEP*2"].points, 1.0, 0.5),
        ("blocks(ink, weights=[0, 1])", np.linspace(0, 1, 25), 0.0, 1.0),
        ("blocks(2*ink, weights=ALL_B)", (2.0,) * 25, 2.0, 1.0),
        ("blocks(ink, weights=OUT12) + blocks(ink, weights=OUT07)", (0,) * 13 + (1,) * 5 + (2,) * 7, 0.0, 1.0),
    ],
)
def test_an_expression_scales_by_block(
    models: Path, call: str, weights: Sequence[float], others: float, scaling: float
) -> None:
    wanted = expected(weights, others)
    found = scaled(models, f"base + {call}")
    assert found == pytest.approx({name: scaling * weight for name, weight in wanted.items()}, abs=1e-5)


def test_blocks_within_merges_and_over_a_store(models: Path, tmp_path: Path) -> None:
    store = Store.init(tmp_path / "store", models / "base")
    store.add({"ink": models / "ink"})
    edit(store, "base + ties(blocks(ink, weights=WRAP08), density=0.5)", tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_recipes_and_steps(models: Path) -> None:
    (models / "recipe.yaml").write_text(
        "base: base\nvectors: {ink: ink}\nsteps:\n  soft:\n    expression: ink\n    coefficients:\n"
        "    - {tensors: 'text_encoder.*', value: 0.25}\n    - {value: {blocks: RING10_5, others: 0.5}}\n"
        "  added:\n    method: task_arithmetic\n    vectors: {ink: {weight: {blocks: [0, 1]}}}\n"
        "result: base + soft + added\n",
        encoding="utf-8",
    )
    merge(models / "recipe.yaml", models / "out")
    rings, ramp = expected(PRESETS["RING10_5"].points, 0.5), expected(np.linspace(0, 1, 25), 0)
    base, found, ink = arrays_of(models), arrays_of(models, "out"), arrays_of(models, "ink")
    for name in DIFFUSERS:
        weight = ramp[name] + (0.25 if name.startswith("text_encoder") else rings[name])
        np.testing.assert_allclose(found[name], base[name] + weight * (ink[name] - base[name]), atol=1e-5)
    merge(models / "out" / "recipe.yaml", models / "again")
    again, out = (models / folder / "model.safetensors" for folder in ("again", "out"))
    assert again.read_bytes() == out.read_bytes()


def test_a_recipe_with_an_unknown_preset_is_refused_with_its_step(models: Path) -> None:
    (models / "recipe.yaml").write_text(
        "base: base\nvectors: {ink: ink}\nsteps: {soft: {expression: ink, coefficients: {blocks: RING10}}}\n"
        "result: base + soft\n",
        encoding="utf-8",
    )
    with pytest.raises(CompositionError, match=r"RING10': did you mean 'RING10_"):
        merge(models / "recipe.yaml", models / "out")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("base + blocks(ink, weights=GRADV)", "unknown preset of weights by block 'GRADV': did you mean 'GRAD_V'"),
        ("base + blocks(ink, weights=nonsense)", "use one of GRAD_V, GRAD_A"),
        ("base + blocks(ink)", "as in blocks(ink, weights=GRAD_V)"),
        ("base + blocks(ink, ink, weights=OUT07)", "takes one task vector"),
        ("blocks(base, weights=OUT07)", "takes one task vector"),
        ("base + blocks(ink, weights=OUT07, density=1)", "takes one task vector, weights and others"),
        ("base + blocks(ink, weights=OUT07, others=some)", "others is 'some', expected a number"),
    ],
)
def test_mistakes(models: Path, expression: str, said: str) -> None:
    with pytest.raises(ExpressionError, match="column") as error:
        edit_of_checkpoints(str(models / "base"), {"ink": str(models / "ink")}, expression)
    assert said in str(error.value)


def test_a_model_without_blocks_is_refused() -> None:
    with pytest.raises(CompositionError, match="the base has none: write a recipe with coefficients by tensors"):
        ModelBlocks.of(["model.layers.0.mlp.weight", "conv_in.weight"])
