"""What was found, as a result: tables, curves, and words that are made of the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import fmean, stdev

from experiments.seeds import SECONDS, measured
from experiments.setting import Setting
from experiments.styles import mixing, painter
from experiments.styles.findings import Findings, Mix
from experiments.styles.mixing import WAYS
from experiments.styles.packs import NEUTRAL, PACKS, STYLES
from experiments.styles.scale import Scale
from taskvec.results import (
    Axis,
    Cell,
    Column,
    Control,
    Curves,
    Result,
    Series,
    Table,
    this_machine,
    versions_of,
)  # fmt: skip

LIBRARIES = ("taskvec", "torch", "diffusers", "numpy", "scikit-learn", "resvg-py")
SPREAD = "standard deviation over training seeds, each the mean over noise seeds"
QUESTION = (
    "A small diffusion model draws icons by name in one style; fine-tunes learned other styles from some of the names. "
    "Are two or three styles mixed better, on names that no fine-tune saw, by adding the unique components of the "
    "task vectors alone (as arXiv 2512.22511 proposes) than by adding the whole vectors?"
)
_METRICS = (
    ("content", "fraction", "pictures whose name is among the first five of all names"),
    (
        "mixing",
        "fraction",
        "k times the mean probability of the weakest of k mixed styles: 1 where they are seen alike",
    ),
    ("success", "fraction", "mixing × content; λ is chosen by it, on validation names"),
    ("distance", "number", "kernel distance of features to the real icons of the same names in the mixed styles"),
)


def tell(found: Findings, setting: Setting, scale: Scale) -> Result:
    """Everything that was found, as a result.

    Args:
        found: What was measured.
        setting: The run.
        scale: How much was done.
    """
    return Result(
        name="styles",
        title="Mixing the styles of a diffusion model",
        question=QUESTION,
        answer=_answer(found),
        recipe="\n".join(f"base + λ*({way(MIX)})  # {name}" for name, way in WAYS.items()),
        commands=(setting.command("styles"),),
        date=datetime.now(UTC),
        seeds=setting.seeds,
        inputs=found.inputs,
        settings={
            "base steps": scale.base.steps, "steps a style": scale.style.steps, "batch": painter.BATCH,
            "denoising steps": scale.num_steps, "noise seeds": len(scale.noise_seeds), "rank": mixing.RANK,
            "precision": scale.style.precision,
        },
        versions=versions_of(LIBRARIES),
        machine=this_machine(),
        seconds=dict(setting.seconds),
        tables=(_mixed(found), _differences(found), _alone(found), _shared(found)),
        curves=(_search(found),),
        controls=_controls(found),
        notes=_notes(found, scale),
    )  # fmt: skip


MIX = ("outline", "ink")


def _mixed(found: Findings) -> Table:
    columns = [Column(name="mix"), Column(name="of the vectors"), Column(name="λ", unit="number")]
    columns += [Column(name=name, unit=unit, meaning=meaning) for name, unit, meaning in _METRICS]  # type: ignore[arg-type]
    columns += [Column(name=f"seen as {style}", unit="fraction") for style in PACKS]
    rows = tuple(_mixed_row(found, mix, way) for mix in found.mixed[0] for way in WAYS)
    return Table(title="Mixes on unseen names", columns=tuple(columns), rows=rows, spread=SPREAD)


def _mixed_row(found: Findings, mix: Mix, way: str) -> tuple[Cell, ...]:
    scaling = measured([each[mix][way]["scaling"] for each in found.mixed])
    cells = [measured(found.tested(mix, way, metric)) for metric in (*(name for name, _, _ in _METRICS), *PACKS)]
    return (" + ".join(mix), way, scaling, *cells)


def _differences(found: Findings) -> Table:
    columns = (
        Column(name="less the whole vectors"),
        *(Column(name=name, unit="number") for name, _, _ in _METRICS),
        Column(name="mixes with more success", unit="count", meaning="of all mixes and training seeds"),
        Column(name="of", unit="count"),
    )
    rows = []
    for way in list(WAYS)[1:]:
        cells = [measured(_gains(found, way, name)) for name, _, _ in _METRICS]
        gains = _gains(found, way, "success")
        rows.append((way, *cells, sum(gain > 0 for gain in gains), len(gains)))
    return Table(
        title="Against adding whole vectors, pair by pair",
        columns=columns,
        rows=tuple(rows),
        spread="standard deviation of the differences over mixes and training seeds",
    )


def _gains(found: Findings, way: str, metric: str) -> list[float]:
    """Differences to whole vectors, for every mix and training seed."""
    pairs = [(found.tested(mix, way, metric), found.tested(mix, "whole", metric)) for mix in found.mixed[0]]
    return [one - other for ones, others in pairs for one, other in zip(ones, others, strict=True)]


def _alone(found: Findings) -> Table:
    columns = (
        Column(name="model"),
        Column(name="content", unit="fraction"),
        Column(name="seen as its style", unit="fraction"),
        Column(name="distance", unit="number"),
    )
    rows = []
    for model in ("base", *STYLES):
        own = NEUTRAL if model == "base" else model
        rows.append((model, *(measured(found.of_alone(model, metric)) for metric in ("content", own, "distance"))))
    return Table(title="One style alone, on unseen names", columns=columns, rows=tuple(rows), spread=SPREAD)


def _shared(found: Findings) -> Table:
    columns = (
        Column(name="mix"),
        Column(name="shared dimensions", unit="number", meaning="over all matrices"),
        *(Column(name=f"of {style}", unit="fraction", meaning="share of its ‖τ‖²") for style in STYLES),
        Column(name="by chance", unit="fraction", meaning="mean share in as many random directions"),
    )
    rows = []
    for mix in found.mixed[0]:
        each = [seed[mix]["unique"]["shared"] for seed in found.mixed]
        cells = [measured([one[style] for one in each]) if style in mix else None for style in STYLES]
        chance = [fmean(seed[mix]["random"]["shared"][style] for style in mix) for seed in found.mixed]
        rows.append((" + ".join(mix), measured([one["dimensions"] for one in each]), *cells, measured(chance)))
    return Table(title="What styles share", columns=columns, rows=tuple(rows), spread=SPREAD)


def _search(found: Findings) -> Curves:
    """Mean over mixes and seeds of what validation pictures show, at the values of λ that all of them tried."""
    lines = []
    for way in WAYS:
        curves = [dict(seed[mix][way]["validation"]) for seed in found.mixed for mix in seed]
        tried = sorted(set(curves[0]).intersection(*curves))
        means = [fmean(curve[scaling]["success"] for curve in curves) for scaling in tried]
        lines.append(Series(name=way, x=tuple(tried), y=tuple(means), n=len(curves), is_control=way == "random"))
    return Curves(
        title="Choosing λ on validation names",
        x=Axis(name="scaling λ", is_log=True),
        y=Axis(name="success: mixing × content", unit="fraction"),
        series=tuple(lines),
    )


def _answer(found: Findings) -> str:
    success = {way: fmean(fmean(found.tested(mix, way, "success")) for mix in found.mixed[0]) for way in WAYS}
    distance = {way: fmean(fmean(found.tested(mix, way, "distance")) for mix in found.mixed[0]) for way in WAYS}
    gains, drawn = _gains(found, "unique", "success"), _gains(found, "random", "success")
    return (
        f"{_verdict(gains)} Success (styles seen alike × name seen) on unseen names is {success['unique']:.3f} with "
        f"unique components, {success['whole']:.3f} with whole vectors and {success['shared once']:.3f} with what is "
        f"shared counted once; unique less whole is {_signed(gains)}. Taking out random directions instead gives "
        f"{success['random']:.3f} ({_signed(drawn)}): {_control(gains, drawn)} Kernel distances to real icons: unique "
        f"{distance['unique']:.2f}, whole {distance['whole']:.2f} ({_signed(_gains(found, 'unique', 'distance'))}), "
        f"random {distance['random']:.2f}; between real icons of one style "
        f"{found.checks['distance, same style']:.2f}."
    )


def _verdict(gains: Sequence[float]) -> str:
    if len(gains) < 2:
        return "One mix at one seed: any difference between unique components and whole vectors may be noise."
    if abs(fmean(gains)) < 2 * _error(gains):
        return "No difference beyond noise between unique components and whole vectors."
    better = "better" if fmean(gains) > 0 else "worse"
    return f"Unique components mix styles {better} than whole vectors here."


def _control(gains: Sequence[float], drawn: Sequence[float]) -> str:
    apart = [one - other for one, other in zip(gains, drawn, strict=True)]
    if len(apart) < 2:
        return f"for success, the shared directions make {_signed(apart)}, of which one seed tells nothing."
    if abs(fmean(apart)) < 2 * _error(apart):
        return "for success, the shared directions do no more than random ones."
    return f"for success, the shared directions matter by {_signed(apart)} beyond chance."


def _signed(gains: Sequence[float]) -> str:
    return f"{fmean(gains):+.3f} ± {_error(gains):.3f}" if len(gains) > 1 else f"{fmean(gains):+.3f}"


def _error(gains: Sequence[float]) -> float:
    """The standard error of a mean."""
    return stdev(gains) / len(gains) ** 0.5


def _controls(found: Findings) -> tuple[Control, ...]:
    checks = found.checks
    return (
        Control(
            name="Random directions",
            expected="no change against whole vectors, if what is shared matters",
            found=f"success {_signed(_gains(found, 'random', 'success'))} against whole vectors",
        ),
        Control(
            name="The style classifier on real icons of unseen names",
            expected="nearly all right, or styles could not be told apart",
            found=f"{100 * checks['style']:.1f} %",
        ),
        Control(
            name="The name classifier on real icons, its first five of all names",
            expected="right on icons moved by a pixel; well above chance in a style that it did not learn",
            found=f"{100 * checks['content, moved']:.1f} % moved; {100 * checks['content, style left out']:.1f} % in a "
            f"style left out (chance {500 / sum(found.num_names.values()):.1f} %)",
        ),
        Control(
            name="Kernel distance between real icons",
            expected="the noise floor: other names of one style; and how far two styles are apart",
            found=f"{checks['distance, same style']:.2f} and {checks['distance, two styles']:.2f}",
        ),
    )


def _notes(found: Findings, scale: Scale) -> tuple[str, ...]:
    names = found.num_names
    cosines = {pair: fmean(each[pair] for each in found.cosines) for pair in found.cosines[0]}
    packages = "; ".join(f"{style}: {package}" for style, package in PACKS.items())
    dealt = (
        f"{sum(names.values())} smileys that all four sets draw. The base learned all of them in the style {NEUTRAL}; "
        f"a style is learned from {names['train']}; λ is chosen on {names['val']} others, and results are of the last "
        f"{names['test']}."
    )
    parts = (
        f"Unique and shared components at rank {mixing.RANK} with the library's own threshold; the embedding of names "
        "is frozen in fine-tunes, so that it is no part of the vectors."
    )
    limits = (
        f"A model of 1.6 million weights, 24 × 24 pixels, {scale.base.steps} and {scale.style.steps} steps: styles of "
        "icons are far simpler than those of paintings, and the paper's models far larger. One base, one judge."
    )
    said = "Cosines between the styles' vectors: " + ", ".join(
        f"{pair} {cosine:.2f}" for pair, cosine in cosines.items()
    )
    drawn = f"Drawings: {packages}; twemoji CC BY 4.0, OpenMoji CC BY-SA 4.0, Fluent emoji MIT, Noto emoji Apache-2.0."
    return (dealt, drawn, f"{said}.", parts, limits, SECONDS)
