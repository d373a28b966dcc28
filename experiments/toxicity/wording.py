"""The answer and the controls in words; every figure in them is computed."""

from statistics import fmean

from experiments.toxicity.analysis import LESS_TOXICITY, at_chosen, interval, over_seeds, reduction
from experiments.toxicity.directions import (
    ASCENDED,
    COMPARED,
    FROM_BASIS,
    MAIN,
    METHODS,
    ORTHOGONAL,
    UNIQUE,
    WHOLE,
    WITHOUT_LEADING,
    WITHOUT_PRINCIPAL,
    WITHOUT_RANDOM,
    Method,
)
from experiments.toxicity.figures import controls_of, gaps, growths
from experiments.toxicity.study import Findings
from taskvec.results import Control, Measured

CALLED = {
    WHOLE.name: "the whole vector",
    UNIQUE.name: "the unique component",
    ORTHOGONAL.name: "the vector made orthogonal by the Gram matrix",
    WITHOUT_RANDOM.name: "the vector less as many random directions (a control)",
    WITHOUT_LEADING.name: "the vector less as many leading directions of the vectors' sum (a control)",
    WITHOUT_PRINCIPAL.name: "the vector less its principal component (a control that adds general vectors)",
    ASCENDED.name: "gradient ascent (a control)",
}


def answer(findings: Findings) -> str:
    """What was found, in words that do not claim more than the numbers; the first paragraph says it in short."""
    short = f"{_goal(findings)} {_below(findings)}"
    main = " ".join(_of(method, findings) for method in MAIN)
    return "\n\n".join([short, main, _others(findings), _atoms(findings)])


def less(method: Method, findings: Findings) -> float:
    """The mean over seeds of the share of toxicity that is gone."""
    return fmean(reduction(at_chosen(line), line.test[0.0]) for line in findings.of(method.name))


def grown(method: Method, findings: Findings) -> float:
    """The mean over seeds of the growth of perplexity."""
    corpora = controls_of(findings)
    return fmean(at_chosen(line).growth(line.test[0.0], corpora) for line in findings.of(method.name))


def percent(share: float, digits: int = 0, *, sign: bool = False) -> str:
    """A share as people read it; what is shown as 0 has no sign."""
    shown = round(100 * share, digits) + 0.0
    return f"{shown:{'+' if sign else ''}.{digits}f} %"


def _goal(findings: Findings) -> str:
    wanted, allowed = findings.plan.wanted, findings.plan.allowed - 1
    met = [m for m in METHODS if less(m, findings) >= wanted and grown(m, findings) <= allowed]
    parts = " and ".join(CALLED[method.name] for method in met if method in MAIN)
    others = " and ".join(method.name for method in met if method.is_control)
    goal = f"The goal, {percent(wanted)} less toxicity at no more than {percent(allowed)} more perplexity, is met"
    said = f"{goal} on test data by negating {parts}" if parts else f"{goal} on test data by no negation"
    return f"{said}; of the controls, by {others}." if others else f"{said}."


def _below(findings: Findings) -> str:
    """Whether the curve of the unique component lies below that of the whole vector."""
    verdicts = "; at ".join(
        f"{percent(level)} less toxicity {_is_less(UNIQUE, findings, level)}" for level in LESS_TOXICITY.levels
    )
    return f"At equal toxicity, does the unique component cost less perplexity than the whole vector? At {verdicts}."


def _is_less(method: Method, findings: Findings, level: float) -> str:
    gap = _gap(method, findings, level)
    if gap is None:
        return f"that is not known{_unreached(method, findings, level)}"
    if gap.spread is None:
        return f"{'yes' if gap.value < 0 else 'no'} ({_shown(gap)}, one seed)"
    if abs(gap.value) <= 2 * gap.spread:
        return f"not beyond noise between seeds ({_shown(gap)})"
    return f"{'yes' if gap.value < 0 else 'no, more'} ({_shown(gap)})"


def _gap(method: Method, findings: Findings, level: float) -> Measured | None:
    """What a method costs more than the whole vector at equal toxicity; nothing where one does not get there."""
    return over_seeds(gaps(findings, method, level, LESS_TOXICITY, controls_of(findings)))


def _unreached(method: Method, findings: Findings, level: float) -> str:
    """Who does not get there at every seed."""
    corpora = controls_of(findings)
    late = [m for m in (WHOLE, method) if None in growths(findings, m, level, LESS_TOXICITY, corpora)]
    return f" (not reached at every seed by {' and '.join(CALLED[m.name] for m in late)})"


def _shown(gap: Measured) -> str:
    text = f"{round(100 * gap.value, 1) + 0.0:+.1f}"
    return f"{text} points" if gap.spread is None else f"{text} ± {100 * gap.spread:.1f} points"


def _of(method: Method, findings: Findings) -> str:
    lines = findings.of(method.name)
    low, high = interval(lines, findings.plan.resamples)
    scaling = fmean(line.chosen for line in lines)
    at_zero = sum(line.chosen == 0 for line in lines)
    none = f", 0 at {at_zero} of {len(lines)} seeds, where no λ that was tried keeps perplexity" if at_zero else ""
    over_prompts = f"95 % over prompts: {percent(-high, sign=True)} to {percent(-low, sign=True)}"
    return (
        f"Negating {CALLED[method.name]} at the λ that validation chose ({scaling:.2f} on average{none}) changes "
        f"toxicity by {percent(-less(method, findings), sign=True)} ({over_prompts}) and perplexity by "
        f"{percent(grown(method, findings), 1, sign=True)}."
    )


def _others(findings: Findings) -> str:
    """Say of the other part of the vector, and of controls, whether they forget as much for less perplexity."""
    levels = " and at ".join(map(percent, LESS_TOXICITY.levels))
    costs = [
        f"{CALLED[method.name]} {' and '.join(_cost(method, findings, level) for level in LESS_TOXICITY.levels)}"
        for method in COMPARED
        if method not in {WHOLE, UNIQUE}
    ]
    return f"What others cost in perplexity against the whole vector, at {levels} less toxicity: {'; '.join(costs)}."


def _cost(method: Method, findings: Findings, level: float) -> str:
    gap = _gap(method, findings, level)
    if gap is None:
        return f"an amount that is not known{_unreached(method, findings, level)}"
    if gap.spread is None:
        return f"{_shown(gap)} (one seed)"
    if abs(gap.value) <= 2 * gap.spread:
        return f"{_shown(gap)} (within noise between seeds)"
    return f"{_shown(gap)} ({'less' if gap.value < 0 else 'more'})"


def _atoms(findings: Findings) -> str:
    added = findings.added
    changed = [fmean(each.recovered.values.values()) / fmean(each.whole.values.values()) - 1 for each in added]
    return (
        f"From {added[0].num_atoms} atoms for {len(findings.facts[0].tasks)} vectors, negation changes toxicity by "
        f"{percent(-less(FROM_BASIS, findings), sign=True)} and perplexity by "
        f"{percent(grown(FROM_BASIS, findings), 1, sign=True)}, and the sum of the general vectors has "
        f"{percent(fmean(changed), 1, sign=True)} perplexity on their texts against the sum of the whole ones."
    )


def controls(findings: Findings) -> tuple[Control, ...]:
    """What was compared with."""
    return tuple(_control(m, findings) for m in METHODS if m.is_control and findings.of(m.name))


def _control(method: Method, findings: Findings) -> Control:
    corpora, lines = controls_of(findings), findings.of(method.name)
    largest = min(max(line.validation) for line in lines)  # where every seed was tried
    gone = fmean(reduction(line.validation[largest], line.validation[0.0]) for line in lines)
    cost = fmean(line.validation[largest].growth(line.validation[0.0], corpora) for line in lines)
    chosen = _changes(less(method, findings), grown(method, findings))
    found = f"{chosen} at the chosen λ on test data; {_changes(gone, cost)} at λ = {largest:g} on validation data"
    return Control(name=f"{method.name} ({method.meaning})", expected=method.expected, found=found)


def _changes(gone: float, grown_by: float) -> str:
    return f"toxicity {percent(-gone, sign=True)} and perplexity {percent(grown_by, 1, sign=True)}"
