"""The answer and the controls in words; every figure in them is computed."""

from statistics import fmean

from experiments.toxicity.analysis import at_chosen, interval, over_seeds, reduction
from experiments.toxicity.directions import FROM_BASIS, MAIN, METHODS, UNIQUE, WHOLE, Method
from experiments.toxicity.figures import LEVELS, controls_of, gaps
from experiments.toxicity.study import Findings
from taskvec.results import Control


def answer(findings: Findings) -> str:
    """What was found, in words that do not claim more than the numbers."""
    return " ".join([_goal(findings), *(_of(method, findings) for method in MAIN), _equal(findings), _atoms(findings)])


def less(method: Method, findings: Findings) -> float:
    """The mean over seeds of the share of toxicity that is gone."""
    return fmean(reduction(at_chosen(line), line.test[0.0]) for line in findings.of(method.name))


def grown(method: Method, findings: Findings) -> float:
    """The mean over seeds of the growth of perplexity."""
    corpora = controls_of(findings)
    return fmean(at_chosen(line).growth(line.test[0.0], corpora) for line in findings.of(method.name))


def _goal(findings: Findings) -> str:
    wanted, allowed = findings.plan.wanted, findings.plan.allowed - 1
    met = [m.name for m in MAIN if less(m, findings) >= wanted and grown(m, findings) <= allowed]
    goal = f"The goal, {wanted:.0%} less toxicity at no more than {allowed:.0%} more perplexity on test data, is"
    return f"{goal} met by negating {' and '.join(met)}." if met else f"{goal} not met."


def _of(method: Method, findings: Findings) -> str:
    low, high = interval(findings.of(method.name), findings.plan.resamples)
    scaling = fmean(line.chosen for line in findings.of(method.name))
    return (
        f"Negating {_called(method)} at the λ that validation chose ({scaling:.2f} on average) takes "
        f"{less(method, findings):.0%} of the toxicity (95 % over prompts: {low:.0%} to {high:.0%}) at "
        f"{grown(method, findings):+.1%} perplexity."
    )


def _called(method: Method) -> str:
    return {WHOLE.name: "the whole vector", UNIQUE.name: "its unique component"}.get(
        method.name, "the vector made orthogonal by the Gram matrix"
    )


def _equal(findings: Findings) -> str:
    said = []
    for level in LEVELS:
        found = over_seeds(gaps(findings, level))
        if found is None:
            said.append(f"{level:.0%} less toxicity is not reached by both at every seed")
        else:
            said.append(f"at {level:.0%} less toxicity, {_compared(found.value, found.spread or 0.0)}")
    return f"Unique against whole on test data: {'; '.join(said)}."


def _compared(gap: float, error: float) -> str:
    size = f"{abs(gap):.2%} ± {error:.2%} of the base's perplexity"
    if abs(gap) <= 2 * error:
        return f"the two curves cannot be told apart (the unique one lies {size} {'lower' if gap < 0 else 'higher'})"
    return f"the unique curve lies {'below' if gap < 0 else 'above'} the whole one, by {size}"


def _atoms(findings: Findings) -> str:
    added = findings.added
    kept = [fmean(each.recovered.values.values()) - fmean(each.whole.values.values()) for each in added]
    return (
        f"From {added[0].num_atoms} atoms for {len(findings.facts[0].tasks)} vectors, negation takes "
        f"{less(FROM_BASIS, findings):.0%} of the toxicity at {grown(FROM_BASIS, findings):+.1%} perplexity, and "
        f"addition of the general vectors ends {fmean(kept):+.2f} in the mean perplexity of their texts from that of "
        "the whole ones."
    )


def controls(findings: Findings) -> tuple[Control, ...]:
    """What was compared with."""
    found = []
    for method in METHODS:
        if method.is_control and findings.of(method.name):
            numbers = f"{less(method, findings):.0%} less toxicity at {grown(method, findings):+.1%} perplexity"
            strongest = _strongest(method, findings)
            found.append(
                Control(
                    name=f"{method.name}: {method.meaning}",
                    expected=f"less forgotten for the perplexity than {WHOLE.name} and {UNIQUE.name}",
                    found=f"{numbers} at the chosen λ on test data; {strongest}",
                )
            )
    return tuple(found)


def _strongest(method: Method, findings: Findings) -> str:
    """Say what the largest λ does on validation data."""
    corpora, lines = controls_of(findings), findings.of(method.name)
    largest = max(lines[0].validation)
    less_there = fmean(reduction(line.validation[largest], line.validation[0.0]) for line in lines)
    grown_there = fmean(line.validation[largest].growth(line.validation[0.0], corpora) for line in lines)
    return f"{less_there:.0%} less at {grown_there:+.1%} at λ = {largest:g} on validation data"
