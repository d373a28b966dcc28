"""Tables and curves of the result."""

from collections.abc import Callable, Sequence
from statistics import fmean

from experiments.toxicity.analysis import Forgetting, at_chosen, growth_at, over_seeds, reduction
from experiments.toxicity.corpora import TOXIC
from experiments.toxicity.directions import COMPARED, METHODS, WHOLE, Method
from experiments.toxicity.measuring import Found
from experiments.toxicity.negating import Line
from experiments.toxicity.study import Findings
from taskvec.results import Axis, Cell, Column, Curves, Matrix, Measured, Series, Table

SPREAD = "standard error over seeds; the test texts are the same for all"


def controls_of(findings: Findings) -> tuple[str, ...]:
    """The control corpora."""
    return tuple(name for name in findings.lines[0].test[0.0].losses if name != TOXIC)


def chosen_table(findings: Findings) -> Table:
    """Every method at the λ that validation chose, on test data."""
    corpora = controls_of(findings)
    grown = [Column(name=f"{corpus} perplexity", unit="fraction", meaning="more than the base's") for corpus in corpora]
    columns = (
        Column(name="negated"),
        Column(name="λ", unit="number", meaning="mean over seeds"),
        Column(name="toxicity", unit="number", meaning="mean score of continuations"),
        Column(name="less toxicity", unit="fraction", meaning="than the base's"),
        *grown,
        Column(name="toxic texts' perplexity", unit="fraction", meaning="more than the base's"),
        Column(name="new words", unit="fraction", meaning="share of words that a continuation has not had before"),
        Column(name="PIQA", unit="fraction", meaning="accuracy at multiple choice"),
        Column(name="seeds", unit="count", meaning="of how many a row is the mean: the first of them"),
    )
    base = findings.lines[0].test[0.0]
    start: tuple[Cell, ...] = ("nothing (base)", 0.0, base.toxicity, 0.0, *(0.0 for _ in corpora), 0.0, base.distinct)
    rows = [(*start, _accuracy([findings.answers]), None)]
    rows += [_row(method.name, findings.of(method.name), corpora) for method in METHODS if findings.of(method.name)]
    return Table(title="At the chosen λ, on test data", columns=columns, rows=tuple(rows), spread=SPREAD)


def _row(name: str, lines: Sequence[Line], corpora: Sequence[str]) -> tuple[Cell, ...]:
    def measured(value: Callable[[Found, Found], float]) -> Measured | None:
        return over_seeds([value(at_chosen(line), line.test[0.0]) for line in lines])

    return (
        name,
        fmean(line.chosen for line in lines),
        over_seeds([at_chosen(line).toxicity for line in lines]),
        measured(reduction),
        *(measured(lambda found, base, each=corpus: found.growth(base, [each])) for corpus in corpora),
        measured(lambda found, base: found.growth(base, [TOXIC])),
        over_seeds([at_chosen(line).distinct for line in lines]),
        _accuracy([line.answers for line in lines]),
        len(lines),
    )


def _accuracy(answers: Sequence[Sequence[bool]]) -> Measured | None:
    return over_seeds([fmean(each) if each else None for each in answers])


def equal_table(findings: Findings, forgetting: Forgetting, corpora: Sequence[str]) -> Table:
    """What it costs in perplexity to forget equally much: a row each method, also less what the whole vector costs."""

    def columns(level: float) -> tuple[Column, ...]:
        at = f"{100 * level:.0f} %"
        grown = Column(name=at, unit="fraction", meaning="perplexity grown; a dash where a seed never forgets as much")
        return grown, Column(name=f"less whole, {at}", unit="fraction", meaning="below 0 where it costs less")

    def cells(method: Method, level: float) -> tuple[Cell, ...]:
        asked = (findings, method, level, forgetting, corpora)
        return over_seeds(growths(*asked)), over_seeds(gaps(*asked))

    return Table(
        title=f"Perplexity of {' and '.join(corpora)} at equal forgetting: {forgetting.name}",
        columns=(Column(name="negated"), *(column for level in forgetting.levels for column in columns(level))),
        rows=tuple(
            (method.name, *(cell for level in forgetting.levels for cell in cells(method, level)))
            for method in COMPARED
        ),
        spread=SPREAD,
    )


def growths(
    findings: Findings, method: Method, level: float, forgetting: Forgetting, corpora: Sequence[str]
) -> list[float | None]:
    """What it costs a method to forget as much, seed by seed; nothing where it never does."""
    return [growth_at(line, level, corpora, forgetting) for line in findings.of(method.name)]


def gaps(
    findings: Findings, method: Method, level: float, forgetting: Forgetting, corpora: Sequence[str]
) -> list[float | None]:
    """What it costs a method more than the whole vector, seed by seed; of those that it was measured at, the first."""
    whole, other = (growths(findings, each, level, forgetting, corpora) for each in (WHOLE, method))
    return [None if a is None or b is None else b - a for a, b in zip(whole, other, strict=False)]


def trade_curves(findings: Findings, part: str) -> Curves:
    """Toxicity over the growth of perplexity, a point each λ: all methods on validation, the compared ones on test."""
    methods = COMPARED if part == "test" else METHODS
    series = []
    for method in methods:
        lines = findings.of(method.name)
        if not lines:
            continue
        points = [_points(line, part, controls_of(findings)) for line in lines]
        together = list(zip(*points, strict=False))  # as many λ as every seed has
        x = [fmean(point[0] for point in at) for at in together]
        y = [over_seeds([point[1] for point in at]) for at in together]
        series.append(
            Series(
                name=method.name,
                x=tuple(x),
                y=tuple(each.value for each in y if each),
                spread=tuple(each.spread or 0.0 for each in y if each) if len(lines) > 1 else None,
                n=len(lines),
                is_control=method.is_control,
            )
        )
    return Curves(
        title=f"Toxicity against perplexity, {part} data",
        x=Axis(name="perplexity of XSum and Wikipedia, more than the base's", unit="fraction"),
        y=Axis(name="toxicity of continuations", unit="number"),
        series=tuple(series),
        spread="standard error over seeds" if len(findings.plan.seeds) > 1 else "",
    )


def _points(line: Line, part: str, corpora: Sequence[str]) -> list[tuple[float, float]]:
    measured = line.test if part == "test" else line.validation
    base = measured[0.0]
    return [(found.growth(base, corpora), found.toxicity) for _, found in sorted(measured.items())]


def vectors_table(findings: Findings) -> Table:
    """Norms, what is shared, and what a basis loses."""
    columns = (
        Column(name="task vector"),
        Column(name="norm", unit="number"),
        Column(name="shared", unit="fraction", meaning="share of ‖τ‖² in the shared subspaces"),
        Column(
            name=f"error from {findings.added[0].num_atoms} atoms", unit="fraction", meaning="relative, of the vector"
        ),
    )
    rows = []
    for place, task in enumerate(findings.facts[0].tasks):
        norms = over_seeds([facts.norms[place] for facts in findings.facts])
        shared = over_seeds([facts.shared[place] for facts in findings.facts])
        rows.append((task, norms, shared, over_seeds([added.errors[task] for added in findings.added])))
    return Table(title="The task vectors", columns=columns, rows=tuple(rows), spread=SPREAD)


def cosine_matrix(findings: Findings) -> Matrix:
    """Cosines of the task vectors, the mean over seeds."""
    tasks, facts = findings.facts[0].tasks, findings.facts
    values = tuple(
        tuple(fmean(each.cosines[row][column] for each in facts) for column in range(len(tasks)))
        for row in range(len(tasks))
    )
    return Matrix(
        title="Cosines of the task vectors",
        rows=tasks,
        columns=tasks,
        row_name="of",
        column_name="with",
        values=values,
        is_signed=True,
    )


def addition_table(findings: Findings) -> Table:
    """The general vectors added, whole and from atoms: test perplexity of their own texts."""
    added = findings.added
    corpora = tuple(added[0].base)
    columns = (Column(name="model"), *(Column(name=corpus, unit="number", meaning="perplexity") for corpus in corpora))

    def row(name: str, value: Callable[[int, str], float]) -> tuple[Cell, ...]:
        return (name, *(over_seeds([value(seed, corpus) for seed in range(len(added))]) for corpus in corpora))

    rows = (
        row("base", lambda seed, corpus: added[seed].base[corpus]),
        row("own fine-tune", lambda seed, corpus: added[seed].own[corpus]),
        row("sum of whole vectors", lambda seed, corpus: added[seed].whole.values[corpus]),
        row(f"sum from {added[0].num_atoms} atoms", lambda seed, corpus: added[seed].recovered.values[corpus]),
    )
    return Table(title="Addition of the general vectors, on test data", columns=columns, rows=rows, spread=SPREAD)
