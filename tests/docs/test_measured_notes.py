"""What pages say that was measured is what result files hold; these are made as experiment and benchmark make them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.machine import Machine as BenchmarkMachine
from benchmarks.measuring import Run
from benchmarks.recipe_cases import CASES
from benchmarks.recipes_against_mergekit import _row, _table
from benchmarks.results import Answer, save
from benchmarks.results import Result as BenchmarkResult
from experiments.errors import ExperimentError
from experiments.vision.by_method import by_method
from experiments.vision.directions import merges, sharing
from experiments.vision.findings import Findings
from experiments.vision.plan import LEARNING_RATE, Plan
from experiments.vision.tables import models_table
from measured_notes import NOT_TIMED, NOT_TRIED, notes

from taskvec.methods import METHODS
from taskvec.results import Machine, Measured, Result

TASKS = ("latin", "greek")
MEASURED = {"task_arithmetic", "ties", "dare_linear", "awd", "tsv", "iso_c"}


def findings() -> Findings:
    """Two tasks and two seeds; a merge's accuracy is decided by its place in the table."""
    plan = Plan(num_tasks=2, seeds=(0, 1), large_rate_steps=0)
    found = Findings(plan, dict.fromkeys(TASKS, 0.4), dict.fromkeys(TASKS, 0.2))
    found.cross[LEARNING_RATE] = [{task: dict.fromkeys(TASKS, own) for task in TASKS} for own in (0.8, 0.9)]
    found.added[LEARNING_RATE] = {
        direction.name: [
            {"test": dict.fromkeys(TASKS, 0.5 + 0.01 * place + 0.02 * seed), "scaling": 0.3 + 0.1 * seed}
            for seed in plan.seeds
        ]
        for place, direction in enumerate((*merges(TASKS, 0), *sharing(TASKS)))
    }
    return found


def vision(*, comment: str = "") -> Result:
    found = findings()
    lines = [f"{d.name}: base + λ*({d.expression}){comment}" for d in (*merges(TASKS, 0), *sharing(TASKS))]
    return Result(
        name="vision",
        title="Two vision tasks",
        question="Does it?",
        answer="It does.",
        recipe="\n".join(lines),
        date=datetime(2026, 1, 2, tzinfo=UTC),
        seeds=found.plan.seeds,
        versions={},
        machine=Machine(cpu="a processor", cores=2, memory_bytes=1 << 30, system="Linux"),
        tables=(models_table(found),),
    )


def benchmark(folder: Path, *, has_peer: bool = True) -> None:
    run = Run(2.0, 1 << 28, 1, 1, 1, 1)
    found = {"ours": (run,), **({"theirs": (Run(11.0, 1 << 32, 1, 1, 1, 1),)} if has_peer else {})}
    wrong = [0.001, 0.05 if has_peer else None]
    rows = [_row(case, found, [wrong[0], None] if case.is_random else wrong) for case in CASES]
    answer = Answer("", (_table(rows),), (), (), {})
    machine = BenchmarkMachine("a processor", 2, 1 << 30, "Linux", "3.11")
    save(BenchmarkResult("recipes_against_mergekit", "", "", "", "", machine, answer), folder)


def said(method: str, folder: Path) -> str:
    return "\n".join(notes(METHODS[method], folder, folder))


@pytest.mark.parametrize("comment", ["", "  # the seed of the fine-tunes"])
def test_a_row_of_the_experiment_is_known_by_its_method(comment: str) -> None:
    found = by_method(vision(comment=comment))
    assert set(found) == MEASURED
    ties = found["ties"]
    assert ties.options == ("density=0.2",)
    assert isinstance(ties.accuracy, Measured)
    assert ties.accuracy.value == pytest.approx(0.52)
    assert found["dare_linear"].options == ("density=0.1",), "a seed is no option of the method that readers choose"
    assert isinstance(found["task_arithmetic"].accuracy, Measured)
    assert found["task_arithmetic"].accuracy.value == pytest.approx(0.51), "sums of parts are other rows"


def test_another_result_is_refused() -> None:
    with pytest.raises(ExperimentError, match="no table has the columns"):
        by_method(vision().model_copy(update={"tables": ()}))
    with pytest.raises(ExperimentError, match="no line of its recipe is one call"):
        by_method(vision().model_copy(update={"recipe": "ties of all"}))


def test_pages_say_accuracy_and_gain_with_their_spread_and_where_it_is_from(tmp_path: Path) -> None:
    vision().save(tmp_path / "vision.json")
    text = said("ties", tmp_path)
    assert "One model for 2 tasks, fine-tuned at 1e-05: 52.0 % ± 1.4 % mean test accuracy" in text
    assert "+1.0 ± 0.0 points against task arithmetic, with `density=0.2`, λ = 0.35 ± 0.0707 by validation" in text
    assert "the base has 40.0 %, the single fine-tunes 85.0 % ± 7.1 % on their own tasks" in text
    assert "(±: standard deviation over seeds, 2 of them)" in text
    assert "[Two vision tasks](../evidence/vision.md)" in text
    assert "points against" not in said("task_arithmetic", tmp_path)
    assert said("linear", tmp_path).count("λ = 1/T. One model for 2 tasks, fine-tuned at 1e-05: 51.0 %") == 1
    for method in set(METHODS) - MEASURED - {"linear"}:
        assert NOT_TRIED in said(method, tmp_path), method


def test_pages_say_what_a_recipe_cost_and_what_was_not_timed(tmp_path: Path) -> None:
    benchmark(tmp_path)
    assert "2.00 s and 256 MiB; mergekit 0.1.5 with the same file: 11.00 s (5.50 ×) and 4.00 GiB." in said(
        "ties", tmp_path
    )
    assert "nearest to the definition: 0.100%, mergekit's 5.000%." in said("ties", tmp_path)
    assert "nearest to the definition: 0.100%. On what" in said("dare_ties", tmp_path)
    timed = {case.method for case in CASES}
    assert {method for method in METHODS if NOT_TIMED in said(method, tmp_path)} == set(METHODS) - timed
    benchmark(tmp_path, has_peer=False)
    assert "2.00 s and 256 MiB. Elements" in said("ties", tmp_path)


def test_a_method_may_be_measured_for_speed_alone_or_in_both_ways_or_not_yet(tmp_path: Path) -> None:
    assert not said("karcher", tmp_path)
    benchmark(tmp_path)
    vision().save(tmp_path / "vision.json")
    assert said("karcher", tmp_path).startswith(f"## Measured\n\n{NOT_TRIED}\n\n`taskvec merge` of a mergekit recipe")
    assert said("awd", tmp_path).endswith(f"(../evidence/vision.md).\n\n{NOT_TIMED}\n")
    assert said("emr", tmp_path) == f"## Measured\n\n{NOT_TRIED}\n\n{NOT_TIMED}\n"
