"""Experiment 3: mix the styles of a small diffusion model by whole and by unique task vectors."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import torch
from demo.cache import Cache

from experiments.cached import Kept
from experiments.inputs import inputs_of
from experiments.setting import Setting
from experiments.styles import grids, icons, judging, mixing, painter, telling
from experiments.styles.findings import Findings, Mix
from experiments.styles.icons import Icons
from experiments.styles.judging import Encode, Images
from experiments.styles.mixing import WAYS, Found, Studio
from experiments.styles.packs import NEUTRAL, PACKS, STYLES
from experiments.styles.scale import FAST, FULL, Scale
from taskvec.results import Result

SAMPLES = "styles-samples"
SHIPPED = Path(__file__).parent
"""The trained base lies here: fine-tunes of it alone are comparable, and other machines train another."""


def run(setting: Setting) -> Result:
    """Train the base once and a fine-tune a style for every seed; mix them, judge and draw what comes out."""
    torch.set_num_threads(1)
    scale, kept = FAST if setting.is_fast else FULL, Kept(setting.cache / "styles", SHIPPED)
    with setting.step("icons"):
        drawn = icons.load(kept)
    return explore(setting, kept, drawn, encoder(setting), scale)


def encoder(setting: Setting) -> Encode:
    """The demo's vision transformer, as it comes out of its package."""
    from demo.encoding import encode

    from demo import backbone, checkpoints

    model = backbone.read(checkpoints.base_folder(Cache(setting.cache.parent / "demo")))
    return lambda images: encode(model, judging.enlarged(images))


def explore(setting: Setting, kept: Kept, drawn: Icons, encode: Encode, scale: Scale) -> Result:
    """Everything after the icons are drawn.

    Args:
        setting: The run.
        kept: Where finished work is.
        drawn: The icons.
        encode: The fixed encoder.
        scale: How much is done.
    """
    with setting.step("judge"):
        judge = judging.learn(drawn, encode, _views(drawn, encode, kept))
    with setting.step("base"):
        base = _base(drawn, kept, scale)
    alone, mixed, cosines, studios = [], [], [], []
    for seed in setting.seeds:
        with setting.step(f"fine-tuning, seed {seed}"):
            finetuned = {style: _finetuned(style, base, drawn, kept, scale, seed) for style in STYLES}
            studio = Studio(base, finetuned, drawn, judge, scale.num_steps, scale.noise_seeds)
        with setting.step(f"mixing, seed {seed}"):
            alone.append(kept.value("alone", studio.alone, studio=studio.identity, revision=mixing.REVISION))
            mixed.append({mix: _ways(setting, kept, studio, mix) for mix in scale.mixes})
            cosines.append(kept.value("cosines", studio.cosines, studio=studio.identity))
        studios.append(studio)
    sizes = {part: len(names) for part, names in drawn.parts.items()}
    with setting.step("fingerprints"), ExitStack() as stack:
        stores = [stack.enter_context(studio.store(STYLES)) for studio in studios]
        inputs = inputs_of(dict(zip(setting.seeds, stores, strict=True)))
    found = Findings(judge.checks, sizes, alone, mixed, cosines, inputs)
    with setting.step("samples"):
        _grid(studios[0], found, scale, setting.out / "images")
    return telling.tell(found, setting, scale)


def _identity(drawn: Icons) -> list[object]:
    return [dict(PACKS), drawn.names, drawn.parts, icons.SIDE]


def _views(drawn: Icons, encode: Encode, kept: Kept) -> judging.Views:
    def build(folder: Path) -> None:
        np.savez(folder / "views.npz", **judging.views(drawn, encode))

    folder = kept.folder("views", build, icons=_identity(drawn), revision=judging.REVISION)
    with np.load(folder / "views.npz", allow_pickle=False) as arrays:
        return {style: arrays[style] for style in judging.ORDER}


def _base(drawn: Icons, kept: Kept, scale: Scale) -> Path:
    names = range(len(drawn.names))
    start = partial(painter.fresh, len(names), scale.channels)
    return painter.trained(
        "base", drawn.images[NEUTRAL], names, start, kept, scale.base,
        seed=0, icons=_identity(drawn), channels=scale.channels,
    )  # fmt: skip


def _finetuned(style: str, base: Path, drawn: Icons, kept: Kept, scale: Scale, seed: int) -> Path:
    names = drawn.parts["train"]
    return painter.trained(
        f"style-{style}", drawn.images[style][list(names)], names, partial(painter.read, base), kept, scale.style,
        seed=seed, frozen=painter.FROZEN, base=base.name, icons=_identity(drawn),
    )  # fmt: skip


def _ways(setting: Setting, kept: Kept, studio: Studio, mix: Mix) -> Mapping[str, Found]:
    found = {}
    for way in WAYS:
        setting.say(f"    {' + '.join(mix)}, {way}")
        found[way] = kept.value(
            "mixed", partial(studio.mixed, mix, way),
            studio=studio.identity, mix=mix, way=way, rank=mixing.RANK, search=mixing.SEARCH, revision=mixing.REVISION,
        )  # fmt: skip
    return found


def _grid(studio: Studio, found: Findings, scale: Scale, folder: Path) -> None:
    """Draw real icons, the models alone and every mix of the first training seed."""
    names = studio.icons.parts["test"][: scale.shown]
    rows: dict[str, Images] = {f"{style} (real)": studio.icons.images[style][list(names)] for style in PACKS}
    rows["base"] = studio.draw(painter.read(studio.base), names, 0)
    rows |= {
        f"{style}, fine-tuned": studio.draw(painter.read(path), names, 0) for style, path in studio.finetuned.items()
    }
    grids.save(rows, folder / f"{SAMPLES}-alone.png")
    for mix in scale.mixes:
        mixed: dict[str, Images] = {}
        for way in WAYS:
            scaling = found.mixed[0][mix][way]["scaling"]
            with studio.directed(mix, way) as (model, _):
                icons_drawn = studio.draw(model.with_coefficients({"mix": scaling}), names, 0)
            mixed[f"{way} at {scaling:.2f}"] = np.asarray(icons_drawn)
        grids.save(mixed, folder / f"{SAMPLES}-{'-and-'.join(mix)}.png")


__all__ = ["explore", "run"]
