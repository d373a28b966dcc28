"""The styles' experiment on toy icons: mixed, judged, drawn and told; its judge and its parts by themselves."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("sklearn")
pytest.importorskip("PIL")
pytest.importorskip("resvg_py")

import torch
from experiments.cached import Kept
from experiments.errors import ExperimentError
from experiments.publishing import page
from experiments.setting import Setting
from experiments.styles import SHIPPED, explore, icons, packs, painter, telling
from experiments.styles.icons import Icons
from experiments.styles.judging import kernel_distance
from experiments.styles.packs import PACKS, STYLES, Pack
from experiments.styles.scale import Scale

from taskvec.training import Recipe

NAMES = 16
TOY = Scale(
    base=Recipe(steps=2, learning_rate=1e-3),
    style=Recipe(steps=2, learning_rate=1e-3),
    channels=(16, 32),
    num_steps=2,
    noise_seeds=(0,),
    mixes=(("outline", "ink"),),
    shown=2,
)


def toy_icons() -> Icons:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 256, (NAMES, 24, 24, 3))
    images = {style: (drawn // (index + 1)).astype(np.uint8) for index, style in enumerate(PACKS)}
    return Icons(tuple(f"name {n}" for n in range(NAMES)), images, icons.deal(NAMES))


def blocks(images):
    return images.reshape(len(images), 6, 4, 6, 4, 3).mean(axis=(2, 4)).reshape(len(images), -1).astype(np.float32)


def test_styles_are_mixed_judged_drawn_and_told(tmp_path) -> None:
    setting = Setting(tmp_path, tmp_path / "out", seeds=(0,), say=lambda line: None)
    result = explore(setting, Kept(tmp_path / "cache"), toy_icons(), blocks, TOY)
    mixed, differences, alone, shared = result.tables
    assert [row[1] for row in mixed.rows] == ["whole", "unique", "shared once", "random"]
    assert [row[0] for row in differences.rows] == ["unique", "shared once", "random"]
    assert [row[0] for row in alone.rows] == ["base", *STYLES]
    assert shared.rows[0][0] == "outline + ink"
    pictures = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    assert pictures == ["styles-samples-alone.png", "styles-samples-outline-and-ink.png"]
    assert "nan" not in page(result, pictures)
    assert [each.name for each in result.inputs] == ["base", *sorted(f"{style}, seed 0" for style in STYLES)]
    assert len({each.fingerprint for each in result.inputs}) == len(result.inputs)
    assert all(each.ref.startswith(("base-", "style-")) for each in result.inputs)
    assert result.answer.startswith("One mix at one seed")
    assert result.commands == ("make experiment-styles",)
    fast = explore(replace(setting, is_fast=True), Kept(tmp_path / "cache"), toy_icons(), blocks, TOY)
    assert fast.commands == ("FAST=1 make experiment-styles",)


def test_the_base_that_came_with_the_experiment_is_of_its_size_and_of_the_denoisers_shape() -> None:
    (folder,) = SHIPPED.glob("base-*")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 12e6
    base = painter.read(folder)
    like = painter.fresh(base.config.num_class_embeds)
    assert {name: value.shape for name, value in base.state_dict().items()} == {
        name: value.shape for name, value in like.state_dict().items()
    }


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ([0.2, 0.3, 0.25], "Unique components mix styles better"),
        ([-0.2, -0.3, -0.25], "Unique components mix styles worse"),
        ([0.2, -0.3, 0.05], "No difference beyond noise"),
        ([0.2], "One mix at one seed"),
    ],
)
def test_the_verdict_follows_the_differences(gains, said) -> None:
    assert telling._verdict(gains).startswith(said)


def test_a_fine_tune_does_not_move_the_names(tmp_path) -> None:
    drawn, kept = toy_icons(), Kept(tmp_path)
    start = painter.fresh(NAMES, TOY.channels)
    folder = painter.trained(
        "style", drawn.images["ink"], range(NAMES), lambda: start, kept, TOY.style, seed=0, frozen=painter.FROZEN
    )
    before, after = painter.fresh(NAMES, TOY.channels).state_dict(), painter.read(folder).state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "class_embedding.weight" not in moved
    assert "conv_in.weight" in moved
    assert not list(tmp_path.glob("*.unfinished.safetensors"))


def test_what_is_denoised_is_the_picture_again() -> None:
    images = toy_icons().images["flat"]
    assert np.array_equal(painter.as_images(painter.as_tensor(images)), images)


def test_no_name_is_in_two_parts() -> None:
    parts = icons.deal(126)
    assert sorted(name for part in parts.values() for name in part) == list(range(126))
    assert [len(parts[part]) for part in ("train", "val", "test")] == [82, 19, 25]


def test_kernel_distance_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((5, 4)), rng.standard_normal((7, 4)) + 0.5

    def kernel(x, y) -> float:
        return float((4 * x @ y / np.sqrt((x @ x) * (y @ y)) / 4 + 1) ** 3)

    own = [
        np.mean([kernel(a, b) for i, a in enumerate(each) for j, b in enumerate(each) if i != j])
        for each in (first, second)
    ]
    between = np.mean([kernel(a, b) for a in first for b in second])
    assert kernel_distance(first.astype(np.float32), second.astype(np.float32)) == pytest.approx(
        sum(own) - 2 * between, abs=1e-5
    )


def test_an_icon_is_drawn_on_white() -> None:
    icon = {"body": '<path fill="currentColor" d="M0 0h8v16h-8z"/>'}
    drawn = icons._draw(Pack({"half": icon}, {"width": 16, "height": 16}, frozenset()).svg("half"))
    assert drawn[:, 0].max() == 0
    assert drawn[:, -1].min() == 255


def test_a_missing_npm_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(ExperimentError, match=r"npm is not installed; install Node\.js") as error:
        packs.load(Kept(tmp_path))
    assert "\n" not in str(error.value)


def test_a_package_that_cannot_be_had_is_one_line(tmp_path, monkeypatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "npm error code E404\nnpm error not found")
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "npm")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ExperimentError, match="failed: npm error code E404 npm error not found; is the npm") as error:
        packs.load(Kept(tmp_path))
    assert "\n" not in str(error.value)


def test_a_package_is_unpacked_and_read(tmp_path, monkeypatch) -> None:
    contents = {
        "icons.json": {"icons": {"grin": {"body": "<path/>"}}, "width": 36, "height": 36},
        "metadata.json": {"categories": {packs.CATEGORY: ["grin"]}},
    }

    def pack(command, cwd, **_):
        with tarfile.open(cwd / "package.tgz", "w:gz") as archive:
            for name, content in contents.items():
                data = json.dumps(content).encode()
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shutil, "which", lambda name, path=None: "npm")
    monkeypatch.setattr(subprocess, "run", pack)
    found = packs.load(Kept(tmp_path))
    assert packs.names_in_all(found) == ("grin",)
    assert 'viewBox="0 0 36 36"' in found["flat"].svg("grin")
