"""The toxicity experiment runs on a toy language, goes on from what is kept, and says what its numbers say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from experiments.cached import Kept
from experiments.publishing import publish
from experiments.setting import Setting
from experiments.toxicity import corpora, measuring
from experiments.toxicity.analysis import growth_at, interval, over_seeds
from experiments.toxicity.corpora import TOXIC
from experiments.toxicity.directions import CLOSELY, METHODS, shuffled
from experiments.toxicity.finetuning import batches, lessons
from experiments.toxicity.measuring import Bench, Found
from experiments.toxicity.negating import Line
from experiments.toxicity.reporting import report
from experiments.toxicity.study import Study
from experiments.toxicity.wording import answer
from toy_language import PLAN, toy_assets

from taskvec import Result
from taskvec.results import Measured

CONTROLS = ("xsum", "wikipedia")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toxicity")
    setting = Setting(folder / "cache", folder / "out", seeds=PLAN.seeds, say=lambda line: None)
    assets, kept = toy_assets(folder), Kept(folder / "cache")
    return assets, kept, setting, Study(assets, PLAN, kept, setting).findings()


def test_every_method_is_measured_at_every_scaling(ran) -> None:
    *_, findings = ran
    assert {line.method for line in findings.lines} == {method.name for method in METHODS}
    for line in findings.lines:
        tried = [0.0, *(PLAN.scalings if line.method in {method.name for method in CLOSELY} else PLAN.few_scalings)]
        assert list(line.validation)[: len(tried)] == tried
        assert len(line.validation) == len(tried) or line.chosen >= tried[-1]
        assert line.chosen in line.test
        assert len(line.test[0.0].scores) == PLAN.test.prompts


def test_every_vector_is_among_what_the_result_depends_on(ran) -> None:
    *_, findings = ran
    names = [each.name for each in findings.inputs]
    assert names[0] == "base"
    assert len(set(names)) == len(names) == 1 + len(PLAN.seeds) * (len(findings.facts[0].tasks) + 1)
    assert all(each.fingerprint for each in findings.inputs)


def test_negation_makes_toxic_texts_less_likely(ran) -> None:
    *_, findings = ran
    for line in findings.of("whole"):
        assert line.test[1.0].perplexity(TOXIC) > line.test[0.3].perplexity(TOXIC) > line.test[0.0].perplexity(TOXIC)


def test_chosen_scalings_keep_perplexity_on_validation_data(ran) -> None:
    *_, findings = ran
    for line in findings.lines:
        growth = {at: found.growth(line.validation[0.0], CONTROLS) for at, found in line.validation.items()}
        kept = [at for at in sorted(growth) if all(growth[low] <= 0.02 + 1e-9 for low in growth if low <= at)]
        assert line.chosen == max(kept)


def test_a_second_run_measures_nothing(ran, monkeypatch) -> None:
    assets, kept, setting, findings = ran
    monkeypatch.setattr(Bench, "language", lambda *_: pytest.fail("measured again"))
    monkeypatch.setattr("experiments.toxicity.finetuning.fine_tune", lambda *_, **__: pytest.fail("trained again"))
    assert Study(assets, PLAN, kept, setting).findings() == findings


def test_the_result_is_published_and_read_back(ran) -> None:
    *_, setting, findings = ran
    result = report(findings, setting)
    publish(result, setting.out)
    assert Result.load(setting.out / "toxicity.json") == result
    page = (setting.out / "toxicity.md").read_text(encoding="utf-8")
    assert result.answer in page
    assert "goal" in result.answer
    assert {control.name.partition(" (")[0] for control in result.controls} == {m.name for m in METHODS if m.is_control}


def found(toxicity, perplexity):
    losses = {name: (measuring.math.log(perplexity) * 10, 10) for name in (*CONTROLS, TOXIC)}
    return Found((toxicity, toxicity), 0.5, losses)


def told(ran, curves):
    """What the answer says where methods have these (λ, toxicity, perplexity) on test data, and 1.0 was chosen."""
    *_, findings = ran
    lines = []
    for line in findings.lines:
        points = curves.get(line.method, curves["whole"])
        test = {scaling: found(toxicity, perplexity) for scaling, toxicity, perplexity in points}
        lines.append(replace(line, chosen=1.0, test=test))
    return answer(replace(findings, lines=tuple(lines)))


def test_the_answer_says_that_the_goal_is_met_where_it_is(ran) -> None:
    whole = [(0.0, 0.4, 10), (1.0, 0.2, 12)]
    assert "is met on test data by no negation." in told(ran, {"whole": whole})
    assert "is met on test data by negating the unique component." in told(
        ran, {"whole": whole, "unique": [(0.0, 0.4, 10), (1.0, 0.2, 10.1)]}
    )


def test_the_answer_says_when_a_control_meets_the_goal(ran) -> None:
    curves = {"whole": [(0.0, 0.4, 10), (1.0, 0.2, 12)], "gradient ascent": [(0.0, 0.4, 10), (1.0, 0.2, 10.1)]}
    assert "by no negation; of the controls, by gradient ascent." in told(ran, curves)


@pytest.mark.parametrize(
    ("unique", "said"),
    [
        (11, "At 25 % less toxicity yes (-5.0 ± 0.0 points); at 47 % less toxicity yes (-9.4 ± 0.0 points)."),
        (13, "At 25 % less toxicity no, more (+5.0 ± 0.0 points); at 47 % less toxicity no, more (+9.4 ± 0.0 points)."),
        (12, "At 25 % less toxicity not beyond noise between seeds (+0.0 ± 0.0 points); at 47 %"),
    ],
)
def test_the_answer_says_which_curve_lies_below(ran, unique, said) -> None:
    told_of = told(ran, {"whole": [(0.0, 0.4, 10), (1.0, 0.2, 12)], "unique": [(0.0, 0.4, 10), (1.0, 0.2, unique)]})
    assert f"than the whole vector? {said}" in told_of.partition("\n\n")[0]


def test_the_answer_says_who_does_not_get_there(ran) -> None:
    whole, unique = [(0.0, 0.4, 10), (1.0, 0.38, 12)], [(0.0, 0.4, 10), (1.0, 0.2, 11)]
    neither = told(ran, {"whole": whole})
    assert "that is not known (not reached at every seed by the whole vector and the unique component)" in neither
    assert "(not reached at every seed by the whole vector);" in told(ran, {"whole": whole, "unique": unique})
    assert "(not reached at every seed by the unique component);" in told(ran, {"whole": unique, "unique": whole})


def test_a_control_is_compared_at_equal_toxicity(ran) -> None:
    whole, other = [(0.0, 0.4, 10), (1.0, 0.2, 12)], [(0.0, 0.4, 10), (1.0, 0.2, 11)]
    said = told(ran, {"whole": whole, "without PCA": other, "without leading": other})
    assert "whole vector, at 25 % and at 47 % less toxicity: the vector made orthogonal" in said
    assert "(a control that adds general vectors) -5.0 ± 0.0 points (less) and -9.4 ± 0.0 points (less);" in said
    assert "sum (a control) -5.0 ± 0.0 points (less) and -9.4 ± 0.0 points (less);" in said
    assert "gradient ascent (a control) +0.0 ± 0.0 points (within noise between seeds) and" in said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ((0.2, 12), "toxicity by -50 % (95 % over prompts: -50 % to -50 %) and perplexity by +20.0 %"),
        ((0.5, 9.9999), "toxicity by +25 % (95 % over prompts: +25 % to +25 %) and perplexity by +0.0 %"),
    ],
)
def test_changes_have_signs_whichever_way_they_go(ran, after, said) -> None:
    assert said in told(ran, {"whole": [(0.0, 0.4, 10), (1.0, *after)]})


def test_lambda_0_is_told_as_that(ran) -> None:
    *_, findings = ran
    lines = []
    for line in findings.lines:
        test = {0.0: found(0.4, 10), 1.0: found(0.2, 12)}
        lines.append(replace(line, chosen=0.0 if line.seed == PLAN.seeds[0] else 1.0, test=test))
    said = answer(replace(findings, lines=tuple(lines)))
    assert "(0.50 on average, 0 at 1 of 2 seeds, where no λ that was tried keeps perplexity)" in said


def test_one_seed_has_no_spread_and_says_so(ran) -> None:
    _, _, setting, findings = ran
    first = PLAN.seeds[0]
    alone = replace(
        findings,
        plan=replace(PLAN, seeds=(first,)),
        lines=tuple(line for line in findings.lines if line.seed == first),
        facts=findings.facts[:1],
        added=findings.added[:1],
    )
    result = report(alone, replace(setting, is_fast=True))
    assert "±" not in result.answer
    assert [line.spread for curves in result.curves for line in curves.series] == [None] * (7 + 9)
    assert any(note.startswith("One seed:") for note in result.notes)
    assert not any("first seed's test figures" in note for note in result.notes)
    assert result.commands == ("FAST=1 make experiment-toxicity",)
    assert [row[-1] for row in result.tables[0].rows] == [None, *[1] * len(METHODS)]


def test_equal_toxicity_is_read_off_the_curve_between_its_points() -> None:
    line = Line("whole", 0, 1.0, {}, {0.0: found(0.4, 10), 0.5: found(0.3, 11), 1.0: found(0.1, 12)})
    assert growth_at(line, 0.25, CONTROLS) == pytest.approx(0.1)
    assert growth_at(line, 0.5, CONTROLS) == pytest.approx(0.15)
    assert growth_at(line, 0.9, CONTROLS) is None
    assert interval([line], resamples=20) == pytest.approx((0.75, 0.75))


def test_a_spread_needs_every_seed() -> None:
    assert over_seeds([1.0, 2.0, 3.0]) == Measured(value=2.0, spread=1 / 3**0.5, n=3)
    assert over_seeds([1.0]) == Measured(value=1.0, spread=None, n=1)
    assert over_seeds([1.0, None]) is None


def test_random_vectors_keep_the_norm_of_every_tensor() -> None:
    np = pytest.importorskip("numpy")
    values = {"a": np.ones((3, 4), np.float32), "still": np.zeros(5, np.float32)}
    drawn = shuffled(values, seed=1)
    assert np.linalg.norm(drawn["a"]) == pytest.approx(12**0.5, rel=1e-6)
    assert not drawn["still"].any()
    assert not np.allclose(drawn["a"], shuffled(values, seed=2)["a"])


def test_texts_are_split_with_no_group_in_two_parts() -> None:
    texts = [f"article {n // 3} -- passage {n}" for n in range(300)]
    parts = corpora._split(texts, group=corpora._article)
    groups = [{corpora._article(text) for text in parts.of(part)} for part in corpora.PARTS]
    assert sorted(text for part in corpora.PARTS for text in parts.of(part)) == sorted(texts)
    assert all(groups)
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_batches_see_every_text_before_any_comes_again() -> None:
    rows = [[n] for n in range(7)]
    some = batches(rows, 3, seed=5)
    assert sorted(row[0] for row in [row for _ in range(7) for row in next(some)][:7]) == list(range(7))
    assert next(batches(rows, 7, seed=0)) != next(batches(rows, 7, seed=1))


def test_seeds_change_the_order_and_nothing_else(ran) -> None:
    assets, *_ = ran
    first, second = (lessons(assets.corpora.trained, PLAN, seed) for seed in PLAN.seeds)
    assert {name: replace(lesson, seed=0) for name, lesson in second.items()} == first
