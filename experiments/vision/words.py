"""The answers in words: every figure in a sentence is computed from what was measured, and every verdict too."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from experiments.vision.findings import Findings, mean, percent
from experiments.vision.plan import LARGE_RATE, LEARNING_RATE
from experiments.vision.tables import FULL, basis_label, left_at
from taskvec.results import Control

ENOUGH, CLAIMED = 0.97, 0.05
ONCE, ALONE = "shared counted once", "unique alone"
AGAIN = {"μ = λ": "shared added again, μ = λ", "μ = λ/2": "shared added again, μ = λ/2"}
RANDOM, TOP = "control: random subspace", "control: top-SVD"
OTHERS = ("TIES", "DARE", "AWD", "TSV-Merge", "Iso-C")
QUESTION = (
    "Does a basis of half as many atoms keep at least 97 % of full addition? Does adding shared components gain the "
    "published 5 %, over which baseline, and does a control explain it? Which part of a task vector, negated, forgets "
    "its task at the least cost to others?"
)


def answer(found: Findings) -> str:
    """The findings: in short, and then a paragraph for each question."""
    parts = [_short(found), _merged(found), _half(found), _again(found), _once(found), _forgotten(found)]
    if found.recovered:
        parts.append(_one_by_one(found))
    if LARGE_RATE in found.added:
        parts.append(_large(found))
    if found.analogies:
        parts.append(_reached(found))
    return "\n\n".join(parts)


def _short(found: Findings) -> str:
    kept = found.kept(LEARNING_RATE, _half_of(found, "spectral"))
    again, once, random = (_gain(found, name) for name in (_better(found), ONCE, f"{RANDOM} counted once"))
    return (
        f"Half as many atoms as vectors keep {percent(kept)} % of the accuracy of full addition. Against task "
        f"arithmetic, adding shared components again makes {_points(again)} points at best and counting them once "
        f"{_points(once)} (a random subspace in their place {_points(random)})."
    )


def _merged(found: Findings) -> str:
    base, own = mean(found.base), [mean(each) for each in found.own(LEARNING_RATE)]
    full, normalized = found.means(LEARNING_RATE, FULL), found.normalized(LEARNING_RATE, FULL)
    best = max(OTHERS, key=lambda name: fmean(found.means(LEARNING_RATE, name)))
    return (
        f"Task arithmetic over {len(found.names)} tasks has {percent(full)} % test accuracy ({percent(normalized)} % "
        f"normalised); the base has {100 * base:.1f} %, and each single fine-tune on its own task {percent(own)} % on "
        f"average. The best of the other merges is {best}, {_points(_gain(found, best))} points against task "
        "arithmetic."
    )


def _half_of(found: Findings, name: str) -> str:
    """The label of addition from a basis of half as many atoms as vectors."""
    return basis_label(name, found.plan.num_atoms(0.5))


def _half(found: Findings) -> str:
    half = found.plan.num_atoms(0.5)
    names = [name for name, num_atoms in found.bases if num_atoms == half]
    shares = {name: found.kept(LEARNING_RATE, basis_label(name, half)) for name in names}
    kept = shares["spectral"]
    enough = [name for name, values in shares.items() if fmean(values) >= ENOUGH]
    verdict = "yes" if "spectral" in enough else "no"
    if len(kept) > 1 and not _is_clear([100 * (value - ENOUGH) for value in kept]):
        verdict += ", though by less than noise between seeds"
    return (
        f"Does M = T/2 keep {100 * ENOUGH:.0f} % of full addition? By the default basis (spectral) {verdict}: it keeps "
        f"{percent(kept)} % of the accuracy{_way(found)}. {_other_bases(shares, enough)} {_test_of(found)}"
    )


def _way(found: Findings) -> str:
    way, full = (found.closed(LEARNING_RATE, name) for name in (_half_of(found, "spectral"), FULL))
    if not way:
        return ""
    return f", and goes {percent(way)} % of the way from the base to the fine-tunes; all vectors go {percent(full)} %"


def _other_bases(shares: Mapping[str, Sequence[float]], enough: Sequence[str]) -> str:
    most, least = (pick(shares, key=lambda name: fmean(shares[name])) for pick in (max, min))
    short = [f"“{name}”" for name in shares if name not in enough]
    text = f"Of {len(shares)} bases {len(enough)} keep{'s' if len(enough) == 1 else ''} that much"
    if len(shares) > 1:
        text += f"; most keeps “{most}”, {percent(shares[most])} %, and least “{least}”, {percent(shares[least])} %"
    return text + (f"; short of it: {', '.join(short)}." if short else ".")


def _test_of(found: Findings) -> str:
    """How much the base itself keeps, against which the share has to be read."""
    base = mean(found.base) / fmean(found.means(LEARNING_RATE, FULL))
    told = f"the base itself has {100 * base:.1f} % of that accuracy"
    return f"It is no test here: {told}." if base >= ENOUGH else f"To compare: {told}."


def _again(found: Findings) -> str:
    gains = {mu: _gain(found, name) for mu, name in AGAIN.items()}
    controls = [_gain(found, f"{control} added again") for control in (RANDOM, TOP)]
    changes = " and ".join(f"{_points(values)} points ({mu})" for mu, values in gains.items())
    return (
        "Does adding shared components again gain the published 5 %? It changes task arithmetic by "
        f"{changes}. {_baselines(found)} "
        f"A random subspace of equal rank, added again (μ = λ), changes task arithmetic by {_points(controls[0])} "
        f"points, as many leading directions of the sum by {_points(controls[1])}: "
        f"{_explained(gains['μ = λ'], controls)}."
    )


def _better(found: Findings) -> str:
    """The name of the better way to add shared components again."""
    return max(AGAIN.values(), key=lambda name: fmean(_gain(found, name)))


def _baselines(found: Findings) -> str:
    """Over which baselines 5 % are gained, as points or as a share of the baseline's accuracy."""
    name = _better(found)
    (mu,) = (mu for mu, each in AGAIN.items() if each == name)
    baselines = {
        "the base": ([mean(found.base)] * len(found.plan.seeds), found.over_base(LEARNING_RATE, name)),
        **{
            other: (found.means(LEARNING_RATE, other), found.gains(LEARNING_RATE, name, other))
            for other in (FULL, *OTHERS, ALONE)
        },
    }
    points = [other for other, (_, gains) in baselines.items() if fmean(gains) >= CLAIMED]
    shares = [
        other
        for other, (of, gains) in baselines.items()
        if fmean(gain / accuracy for gain, accuracy in zip(gains, of, strict=True)) >= CLAIMED
    ]
    said = ", ".join(f"{other} {_points([100 * gain for gain in gains])}" for other, (_, gains) in baselines.items())
    return (
        f"With {mu}, the better of the two, the gain in points over each baseline is: {said}. Five points are gained "
        f"over {_listed(points)}; 5 % of the baseline's accuracy over {_listed(shares)}."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "none of them"


def _once(found: Findings) -> str:
    once, controls = _gain(found, ONCE), [_gain(found, f"{control} counted once") for control in (RANDOM, TOP)]
    chain = [record["dimensions"] for record in found.chain]
    return (
        f"Counting them once changes task arithmetic by {_points(once)} points, a random subspace by "
        f"{_points(controls[0])} and as many leading directions of the sum by {_points(controls[1])}: "
        f"{_explained(once, controls)}. The published chain at .85 finds {_range(chain)} shared directions in all "
        "matrices together."
    )


def _gain(found: Findings, name: str) -> list[float]:
    return [100 * value for value in found.gains(LEARNING_RATE, name, FULL)]


def _explained(gains: Sequence[float], controls: Sequence[Sequence[float]]) -> str:
    """Whether the better control explains a gain: by differences within seeds, against twice their standard error."""
    if _rounded(gains) <= 0:
        return "there is no gain to explain"
    rests = [[one - other for one, other in zip(gains, control, strict=True)] for control in controls]
    rest = min(rests, key=fmean)
    said = f"{_points(rest)} points against the better control"
    if len(rest) < 2:
        return f"{said}, at one seed, which tells nothing of noise"
    if not _is_clear(rest):
        return f"{said}, no more than noise between seeds, so that the control may explain all of it"
    verdict = "the control explains none of that" if fmean(rest) > 0 else "the control explains more than all of it"
    return f"{said}, beyond noise between seeds: {verdict}"


def _is_clear(points: Sequence[float]) -> bool:
    """Whether a mean over seeds is further from 0 than twice its standard error, and than what is shown as 0."""
    if len(points) < 2 or not _rounded(points):
        return False
    return abs(fmean(points)) > 2 * stdev(points) / len(points) ** 0.5


def _forgotten(found: Findings) -> str:
    every = {kind: left_at(found, kind, 0.95) for kind in found.negated}
    left = {kind: values for kind, values in every.items() if values}
    unknown = [kind for kind in every if kind not in left]
    parts = []
    if left:
        said = ", ".join(f"{kind} {percent(values)} %" for kind, values in left.items())
        parts.append(
            "Negated until the other tasks keep 95 % on validation pictures, a vector leaves of the base's accuracy on "
            f"its own task: {said}{_least(left)}."
        )
    if unknown:
        parts.append(f"The others never fell to 95 % by negating {_listed(unknown)}, as far as λ was tried.")
    return " ".join(parts)


def _least(left: Mapping[str, Sequence[float]]) -> str:
    """Which kind leaves least, and whether that is more than noise beside the whole vector."""
    best = min(left, key=lambda kind: fmean(left[kind]))
    if best == "whole" or "whole" not in left:
        return f"; least for {best}"
    less = [100 * (one - other) for one, other in zip(left[best], left["whole"], strict=True)]
    if len(less) < 2:
        noise = "at one seed"
    else:
        noise = "beyond noise between seeds" if _is_clear(less) else "no more than noise between seeds"
    return f"; least for {best}, {_points(less)} points against whole, {noise}"


def _one_by_one(found: Findings) -> str:
    """What one recovered vector does, alone and negated, where sums of many do not show it."""
    half = found.plan.num_atoms(0.5)
    record, own = found.recovered["spectral", half], mean(found.own(LEARNING_RATE)[0])
    target, whole = next(iter(found.negated["whole"].items()))
    left, all_left = (tested[target] / found.base[target] for tested in (record["negated"], whole[0]["test"]))
    return (
        f"One by one (first seed): recovered from {half} atoms of the default basis, a vector has "
        f"{100 * mean(record['alone']):.1f} % on its own task; the fine-tunes have {100 * own:.1f} %, the base "
        f"{100 * mean(found.base):.1f} %. Negated by the λ of the whole vector, it leaves {100 * left:.1f} % of the "
        f"base's accuracy on {target}, the whole vector {100 * all_left:.1f} %."
    )


def _large(found: Findings) -> str:
    names = found.names
    others = [
        fmean(run[one][other] for one in names for other in names if one != other) for run in found.cross[LARGE_RATE]
    ]
    return (
        f"At a learning rate of {LARGE_RATE:g} a fine-tune has {percent(others)} % on others' tasks, where the base "
        f"has {100 * mean(found.base):.1f} %{_gap(found)}."
    )


def _gap(found: Findings) -> str:
    full, once = (found.closed(LARGE_RATE, name) for name in (FULL, ONCE))
    small = found.closed(LEARNING_RATE, FULL)
    if not full:
        merged, owns = found.means(LARGE_RATE, FULL), [mean(own) for own in found.own(LARGE_RATE)]
        return (
            f"; on their own tasks they have {percent(owns)} %, at some seed no more than the base, so that there is "
            f"no gap to close: task arithmetic has {percent(merged)} %"
        )
    beside = f", against {percent(small)} % at {LEARNING_RATE:g}" if small else ""
    return (
        f", and task arithmetic goes {percent(full)} % of the way from the base to the fine-tunes ({ONCE} "
        f"{percent(once)} %){beside}"
    )


def _reached(found: Findings) -> str:
    said = [
        f"{script} {percent(rows['the analogy'])} %, from {percent(rows['the base'])} % of the base; "
        f"{percent(rows['script + style'])} % without taking Latin away and {percent(rows['the style alone'])} % by "
        "the style alone"
        for script, rows in found.analogies.items()
    ]
    return f"Accuracy on glyphs white on black by analogy: {'. '.join(said)}."


def controls(found: Findings) -> tuple[Control, ...]:
    """Other explanations that were looked at."""
    compared = (
        (
            "a random subspace of equal rank, counted once",
            "no gain, if it is sharing that helps",
            f"{RANDOM} counted once",
        ),
        (
            "as many leading directions of the sum, counted once",
            "no gain, if truncation does not help",
            f"{TOP} counted once",
        ),
        ("a random subspace of equal rank, added again", "no gain", f"{RANDOM} added again"),
        ("as many leading directions of the sum, added again", "no gain", f"{TOP} added again"),
    )
    made = [Control(name="μ = 0", expected="the yardstick of every gain", found="task arithmetic itself")]
    made += [Control(name=n, expected=e, found=f"{_points(_gain(found, label))} points") for n, e, label in compared]
    random = _half_of(found, "random")
    if random in found.added[LEARNING_RATE]:
        kept = found.kept(LEARNING_RATE, random)
        base = [mean(found.base) / value for value in found.means(LEARNING_RATE, FULL)]
        said = f"{percent(kept)} % of full addition's accuracy, the base {percent(base)} %"
        made.append(Control(name="a basis of random directions", expected="no better than the base", found=said))
    return tuple(made)


def _points(values: Sequence[float]) -> str:
    text = f"{_rounded(values):+.1f}"
    return f"{text} ± {stdev(values):.1f}" if len(values) > 1 else text


def _rounded(points: Sequence[float]) -> float:
    """A mean as it is shown; what is shown as 0 is 0, and has no sign."""
    return round(fmean(points), 1) + 0.0


def _range(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
