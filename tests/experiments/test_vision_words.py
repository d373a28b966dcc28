"""What the vision experiment says is true of any outcome: gains, losses, ties, gaps, seeds that measured less."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from experiments.publishing import charts, page
from experiments.setting import Setting
from experiments.vision.directions import BASES
from experiments.vision.plan import FAST, LEARNING_RATE, Plan
from experiments.vision.reporting import report
from experiments.vision.tables import scalings
from toy_findings import Outcome, findings

from taskvec.results import Curves, Measured, Result, Table

HALF = "{}, recovered, M = 4"
ONE_SEED = Plan(seeds=(0,))


def told(outcome: Outcome, *, is_fast: bool = False) -> Result:
    return report(findings(outcome), Setting(Path("cache"), is_fast=is_fast))


def named(result: Result, title: str) -> Table:
    (table,) = (table for table in result.tables if title in table.title)
    return table


def row(table: Table, name: str) -> dict[str, object]:
    (cells,) = (cells for cells in table.rows if cells[0] == name)
    return {column.name: cell for column, cell in zip(table.columns, cells, strict=True)}


def measured(cell: object) -> tuple[float | None, ...]:
    assert isinstance(cell, Measured)
    return cell.value, cell.spread, cell.n


def drawn(result: Result, title: str) -> Curves:
    (curves,) = (curves for curves in result.curves if title in curves.title)
    return curves


def test_the_first_paragraph_is_the_answer_in_short() -> None:
    short = told(Outcome(merged={"shared counted once": 0.82})).answer.partition("\n\n")[0]
    assert "keep 100.0 ± 0.0 % of the accuracy of full addition" in short
    assert "counting them once +2.0 ± 0.0 (a random subspace in their place +0.0 ± 0.0)" in short


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (0.80, "By the default basis (spectral) yes: it keeps 100.0 ± 0.0 %"),
        (0.76, "By the default basis (spectral) no: it keeps 95.1 ± 0.1 %"),
        (0.776, "yes, though by less than noise between seeds: it keeps 97.0"),
    ],
)
def test_half_as_many_atoms_are_enough_or_not(kept: float, said: str) -> None:
    assert said in told(Outcome(merged={HALF.format("spectral"): kept}, base=0.6)).answer


def test_bases_that_fall_short_are_named() -> None:
    merged = {HALF.format(name): 0.7 for name in ("pca", "random")} | {HALF.format("spectral, int8"): 0.81}
    said = told(Outcome(merged=merged)).answer
    assert "Of 9 bases 7 keep that much; most keeps “spectral, int8”" in said
    assert "and least “pca”, 87.7 ± 0.2 %; short of it: “pca”, “random”." in said
    none = told(Outcome(merged={HALF.format(name): 0.7 for name in BASES})).answer
    assert "Of 9 bases 0 keep that much" in none


@pytest.mark.parametrize(("base", "said"), [(0.8, "It is no test here: the base"), (0.6, "To compare: the base")])
def test_a_base_that_keeps_as_much_makes_it_no_test(base: float, said: str) -> None:
    assert said in told(Outcome(base=base)).answer


@pytest.mark.parametrize(
    ("again", "over", "said"),
    [
        (0.80, {}, "Five points are gained over the base; 5 % of the baseline's accuracy over the base."),
        (0.86, {"DARE": 0.84}, "over the base, task arithmetic, TIES, AWD, TSV-Merge, Iso-C and unique alone; 5 %"),
        (0.73, {}, "Five points are gained over none of them; 5 % of the baseline's accuracy over the base."),
        (0.60, {}, "Five points are gained over none of them; 5 % of the baseline's accuracy over none of them."),
    ],
)
def test_the_baselines_over_which_five_per_cent_are_gained_are_named(again: float, over: dict, said: str) -> None:
    added = {f"shared added again, μ = {mu}": again for mu in ("λ", "λ/2")}
    assert said in told(Outcome(merged=added | over)).answer


@pytest.mark.parametrize(
    ("once", "top", "said"),
    [
        (
            0.83,
            0.80,
            "+3.0 ± 0.0 points against the better control, beyond noise between seeds: the control explains no",
        ),
        (
            0.83,
            0.85,
            "-2.0 ± 0.0 points against the better control, beyond noise between seeds: the control explains mo",
        ),
        (0.83, 0.83, "+0.0 ± 0.0 points against the better control, no more than noise between seeds"),
        (0.80, 0.85, "there is no gain to explain"),
        (0.75, 0.70, "there is no gain to explain"),
    ],
)
def test_a_control_explains_a_gain_or_not(once: float, top: float, said: str) -> None:
    outcome = Outcome(merged={"shared counted once": once, "control: top-SVD counted once": top})
    (paragraph,) = (each for each in told(outcome).answer.split("\n\n") if each.startswith("Counting them once"))
    assert said in paragraph


def test_a_share_of_shared_components_is_compared_with_every_baseline() -> None:
    merged = {"shared added again, μ = λ": 0.83, "shared added again, μ = λ/2": 0.835, "TIES": 0.79}
    said = told(Outcome(merged=merged | {"control: top-SVD added again": 0.82})).answer
    assert "by +3.0 ± 0.0 points (μ = λ) and +3.5 ± 0.0 points (μ = λ/2). With μ = λ/2, the better of the two" in said
    assert "task arithmetic +3.5 ± 0.0, TIES +4.5 ± 0.0, DARE" in said


def test_one_seed_claims_no_noise_and_no_spread() -> None:
    result = told(Outcome(plan=ONE_SEED, merged={"shared counted once": 0.83}))
    assert "+3.0 points against the better control, at one seed, which tells nothing of noise" in result.answer
    assert "beyond noise" not in result.answer
    assert "±" not in result.answer
    cells = [cell for table in result.tables for cells in table.rows for cell in cells]
    assert not [cell for cell in cells if isinstance(cell, Measured) and cell.spread is not None]
    assert not [line for curves in result.curves for line in curves.series if line.spread is not None]


def test_what_was_not_measured_at_all_is_left_out() -> None:
    absent = {
        f"{name}, {what}, M = {m}" for name in ("random", "pca") for what in ("recovered", "atoms") for m in (2, 6)
    }
    absent |= {f"TIES {way}, M = {m}" for way in ("over the recovered vectors", "on the atoms") for m in (2, 6)}
    result = told(Outcome(absent=frozenset(absent)))
    assert len(named(result, "Addition from a basis").rows) == 3 * len(BASES) - 4 + 1
    assert [cells[0] for cells in named(result, "TIES over a basis").rows] == [
        "TIES over all vectors", "TIES over the recovered vectors, M = 4", "TIES on the atoms, M = 4",
    ]  # fmt: skip
    assert {line.name for line in drawn(result, "Addition from a basis").series} == set(BASES) - {"random", "pca"}
    assert "Of 9 bases 9 keep that much" in result.answer


def test_a_curve_that_was_ended_is_not_read_past_its_end() -> None:
    ended = ((0.3, 0.7, 0.99), (1.0, 0.4, 0.96), (2.25, 0.2, 0.94))
    result = told(Outcome(curves={"orthogonal": ended}))
    left = row(named(result, "Target left"), "orthogonal")
    assert measured(left["at 95 %"]) == (pytest.approx(0.3), pytest.approx(0.0), 3)
    assert left["at 90 %"] is None
    figure = drawn(result, "Forgetting")
    assert {line.name: min(line.x) for line in figure.series} == {
        "whole": 0.8, "orthogonal": 0.95, "recovered": 0.8, "unique": 0.8,
    }  # fmt: skip
    assert "least for orthogonal, -25.0 ± 0.0 points against whole, beyond noise between seeds." in result.answer


def test_controls_that_never_fall_are_told() -> None:
    steady = dict.fromkeys(("whole", "orthogonal", "recovered", "unique"), ((1.0, 0.9, 1.0), (3.0, 0.8, 0.999)))
    result = told(Outcome(curves=steady))
    assert "The others never fell to 95 % by negating whole, orthogonal, recovered and unique" in result.answer
    assert not [curves for curves in result.curves if "Forgetting" in curves.title]


def test_a_negation_that_keeps_too_little_at_once_is_told_as_lambda_0() -> None:
    steep = {"unique": ((0.3, 0.2, 0.8), (0.6, 0.1, 0.5))}
    found = findings(Outcome(curves=steep))
    assert scalings(found, "unique") == [0.0, 0.0, 0.0]
    unique = row(named(report(found, Setting(Path("cache"))), "Negation"), "unique")
    assert measured(unique["target left"]) == (pytest.approx(1.0), pytest.approx(0.0), 3)


def test_fine_tunes_no_better_than_the_base_make_no_way() -> None:
    result = told(Outcome(base=0.9, own=0.9))
    assert "of the way" not in result.answer
    assert (
        "on their own tasks they have 90.0 ± 0.0 %, at some seed no more than the base, so that there is"
        in result.answer
    )
    assert row(named(result, "Addition from a basis"), "all vectors")["of the way"] is None


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(),
        Outcome(plan=FAST),
        Outcome(plan=dataclasses.replace(Plan(), large_rate_steps=0)),
        Outcome(merged={"task arithmetic": 0.5}, wander=0.0),
        Outcome(base=0.95, own=0.9, wander=-0.02),
    ],
    ids=["whole", "fast", "one rate", "worse than the base, no spread", "all is lost"],
)
def test_any_outcome_is_a_page_with_pictures(outcome: Outcome) -> None:
    result = told(outcome, is_fast=outcome.plan == FAST)
    text = page(result)
    assert "nan" not in text
    assert "-0.0 " not in text
    assert all(chart.complete() for chart in charts(result).values())
    assert ("5e-05" in text) == bool(outcome.plan.large_rate_steps)
    assert all(table.rows for table in result.tables)
    assert LEARNING_RATE in findings(outcome).added
