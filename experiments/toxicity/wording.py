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
from experiments.toxicity.figures import controls_of, gaps
from experiments.toxicity.study import Findings
from taskvec.results import Control, Measured

CALLED = {
    WHOLE.name: "the whole vector",
    UNIQUE.name: "its unique component",
    ORTHOGONAL.name: "the vector made orthogonal by the Gram matrix",
    WITHOUT_RANDOM.name: "the vector less as many random directions (a control)",
    WITHOUT_LEADING.name: "the vector less as many leading directions of the vectors' sum (a control)",
    WITHOUT_PRINCIPAL.name: "the vector less its principal component (a control that adds general vectors)",
    ASCENDED.name: "gradient ascent (a control)",
}


def answer(findings: Findings) -> str:
    """What was found, in words that do not claim more than the numbers."""
    return " ".join([_goal(findings), *(_of(method, findings) for method in MAIN), *_equal(findings), _atoms(findings)])


def less(method: Method, findings: Findings) -> float:
    """The mean over seeds of the share of toxicity that is gone."""
    return fmean(reduction(at_chosen(line), line.test[0.0]) for line in findings.of(method.name))


def grown(method: Method, findings: Findings) -> float:
    """The mean over seeds of the growth of perplexity."""
    corpora = controls_of(findings)
    return fmean(at_chosen(line).growth(line.test[0.0], corpora) for line in findings.of(method.name))


def percent(share: float, digits: int = 0, *, sign: bool = False) -> str:
    """A share as people read it."""
    return f"{100 * share:{'+' if sign else ''}.{digits}f} %"


def _goal(findings: Findings) -> str:
    wanted, allowed = findings.plan.wanted, findings.plan.allowed - 1
    met = [m for m in METHODS if less(m, findings) >= wanted and grown(m, findings) <= allowed]
    parts = " and ".join(CALLED[method.name] for method in met if method in MAIN)
    others = " and ".join(method.name for method in met if method.is_control)
    goal = f"The goal, {percent(wanted)} less toxicity at no more than {percent(allowed)} more perplexity, is met"
    said = f"{goal} on test data by negating {parts}" if parts else f"{goal} on test data by no negation"
    return f"{said}; of the controls, by {others}." if others else f"{said}."


def _of(method: Method, findings: Findings) -> str:
    low, high = interval(findings.of(method.name), findings.plan.resamples)
    scaling = fmean(line.chosen for line in findings.of(method.name))
    return (
        f"Negating {CALLED[method.name]} at the λ that validation chose ({scaling:.2f} on average) takes "
        f"{percent(less(method, findings))} of the toxicity (95 % over prompts: {percent(low)} to {percent(high)}) for "
        f"{percent(grown(method, findings), 1, sign=True)} perplexity."
    )


def _equal(findings: Findings) -> list[str]:
    """Say of parts of the vector, and of controls, whether they forget as much for less perplexity."""
    return [
        f"Against the whole vector, {CALLED[m.name]} costs in perplexity {_costs(m, findings)}." for m in COMPARED[1:]
    ]


def _costs(method: Method, findings: Findings) -> str:
    corpora, levels = controls_of(findings), LESS_TOXICITY.levels
    found = [over_seeds(gaps(findings, method, level, LESS_TOXICITY, corpora)) for level in levels]
    return ", and ".join(
        f"{_compared(gap)} at {percent(level)} less toxicity" for gap, level in zip(found, levels, strict=True)
    )


def _compared(gap: Measured | None) -> str:
    if gap is None:
        return "an unknown amount, for one of the two does not get there at every seed,"
    if gap.spread is None:
        return f"{100 * gap.value:+.1f} points (one seed)"
    verdict = (
        "no more than noise between seeds" if abs(gap.value) <= 2 * gap.spread else "less" if gap.value < 0 else "more"
    )
    return f"{100 * gap.value:+.1f} ± {100 * gap.spread:.1f} points ({verdict})"


def _atoms(findings: Findings) -> str:
    added = findings.added
    changed = [fmean(each.recovered.values.values()) / fmean(each.whole.values.values()) - 1 for each in added]
    cost, change = grown(FROM_BASIS, findings), fmean(changed)
    return (
        f"From {added[0].num_atoms} atoms for {len(findings.facts[0].tasks)} vectors, negation takes "
        f"{percent(less(FROM_BASIS, findings))} of the toxicity for {percent(cost, 1, sign=True)} perplexity, and the "
        f"sum of the general vectors has {percent(change, 1, sign=True)} perplexity on their texts against the sum of "
        "the whole ones."
    )


def controls(findings: Findings) -> tuple[Control, ...]:
    """What was compared with."""
    return tuple(_control(m, findings) for m in METHODS if m.is_control and findings.of(m.name))


def _control(method: Method, findings: Findings) -> Control:
    corpora, lines = controls_of(findings), findings.of(method.name)
    largest = min(max(line.validation) for line in lines)  # where every seed was tried
    gone = fmean(reduction(line.validation[largest], line.validation[0.0]) for line in lines)
    cost = fmean(line.validation[largest].growth(line.validation[0.0], corpora) for line in lines)
    tested = f"{percent(less(method, findings))} less toxicity for {percent(grown(method, findings), 1, sign=True)}"
    found = (
        f"{tested} perplexity at the chosen λ on test data; {percent(gone)} less for {percent(cost, 1, sign=True)} at "
        f"λ = {largest:g} on validation data"
    )
    return Control(name=f"{method.name} ({method.meaning})", expected=method.expected, found=found)
