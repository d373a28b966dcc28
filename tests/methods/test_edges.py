"""Methods and their options at the edges of their ranges: exactly on a bound, exactly equal, exactly nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from taskvec.errors import CompositionError
from taskvec.methods import METHODS
from taskvec.methods.families.dropping import l1_ratios
from taskvec.methods.families.electing import shares
from taskvec.methods.method import Takes
from taskvec.methods.statistic import Cut, Ties
from taskvec.methods.ways.awd import disentangled
from taskvec.numerics.trimming import ALL
from taskvec.parameter import Bounds

WITHOUT_BASE = {"linear", "slerp", "nuslerp", "multislerp", "karcher", "passthrough"}
OF_POINTS = {"linear", "slerp", "karcher", "passthrough"}


def merged(method: str, *taus: list[float], **options: Any) -> list[float]:
    return METHODS[method](np.array(taus), **options).tolist()


def test_these_need_no_base_and_these_take_whole_models() -> None:
    assert {name for name, method in METHODS.items() if not method.needs_base} == WITHOUT_BASE
    assert {name for name, method in METHODS.items() if method.takes is Takes.POINTS} == OF_POINTS


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "said"),
    [
        (Bounds(), [-1e300, 0, 1e300], [], ""),
        (Bounds(above=1), [1.5], [1, 0], "above 1"),
        (Bounds(least=1), [1, 2], [0.5], "at least 1"),
        (Bounds(below=1), [0.5, -2], [1, 2], "below 1"),
        (Bounds(most=1), [1, -2], [1.5], "at most 1"),
        (Bounds(above=0, most=1), [0.5, 1], [0, 1.5], "above 0 and at most 1"),
        (Bounds(least=0, below=1), [0, 0.5], [1, -0.5], "at least 0 and below 1"),
    ],
)
def test_bounds_hold_what_they_say(bounds: Bounds, inside: list, outside: list, said: str) -> None:
    assert all(map(bounds.hold, inside))
    assert not any(map(bounds.hold, outside))
    assert str(bounds) == said


@pytest.mark.parametrize(
    ("count", "density", "floor", "kept"),
    [(10, 0.25, False, 2), (10, 0.35, False, 4), (10, 0.39, True, 3), (10, 0.01, False, 1), (10, 0.01, True, 1),
     (0, 0.5, False, 0), (7, 1.0, True, 7)],
)  # fmt: skip
def test_so_many_are_kept(count: int, density: float, floor: bool, kept: int) -> None:
    rounding = {"semantics": "mergekit", "weight": 1.0} if floor else {}
    found = merged("ties", list(range(1, count + 1)), density=density, **rounding)
    assert found == [0] * (count - kept) + list(range(count - kept + 1, count + 1))


def test_what_is_nothing_is_not_rescaled_nor_divided_by() -> None:
    sums = np.array([1.0, 1.0, 0.5e-7, 1e-7, 0.5, 0.5e-7, 1.0, 1e-7])
    np.testing.assert_allclose(l1_ratios(sums), [2, 1, 1, 1])
    np.testing.assert_allclose(shares([1e-8], normalize=True), [1])
    np.testing.assert_allclose(shares([0.5e-8], normalize=True), [0.5e-8])
    np.testing.assert_allclose(shares([2.0, -2.0], normalize=True), [2, -2])
    np.testing.assert_allclose(shares([2.0, 6.0], normalize=True), [0.25, 0.75])
    np.testing.assert_allclose(shares([2.0, 6.0], normalize=False), [2, 6])


def test_equal_scores_are_above_a_cut_up_to_its_end() -> None:
    thresholds, ends = np.array([[2.0, 1.0], [3.0, 3.0]]), np.array([[12, 11], [0, 14]])
    cut = Cut(thresholds, lambda: ends)
    scores = np.array([[2.0, 3.0, 2.0, 1.0, 2.0], [1.0, 1.0, 0.0, 3.0, 1.0]])
    assert cut.above(0, scores, 10).tolist() == [[True, True, False, False, False], [True, False, False, True, False]]
    assert cut.above(1, scores, 10).tolist() == [[False] * 5, [False, False, False, True, False]]
    kept = cut.keep_above(0, np.float32([[2, -3, -2, 1, 2], [1, -1, 0, -3, 1]]), 10)
    assert kept.tolist() == [[2, -3, 0, 0, 0], [1, 0, 0, -3, 0]]
    assert "look" not in repr(cut)


def test_what_is_left_of_equal_scores_before_in_and_behind_their_last_block() -> None:
    ties = Ties(np.array([[100, 100, 0]]), np.array([[7, 0, 3]]))
    assert ties.left(0, 0).tolist() == [ALL, ALL, 3]
    assert ties.left(0, 100).tolist() == [7, ALL, 0]
    assert ties.left(0, 200).tolist() == [0, ALL, 0]


@pytest.mark.parametrize(
    ("density", "epsilon", "is_fine"),
    [
        (0.5, 0.0, True),
        (0.25, 0.5, False),
        (0.25, 0.499, True),
        (0.75, 0.5, False),
        (0.75, 0.499, True),
        (1.0, 0.9, True),
    ],
)
def test_chances_of_della_are_between_nothing_and_certainty(density: float, epsilon: float, is_fine: bool) -> None:
    settings = {"density": density, "epsilon": epsilon}
    if is_fine:
        METHODS["della"].settings("a", settings)
        return
    with pytest.raises(CompositionError, match="epsilon spreads the chances beyond"):
        METHODS["della"].settings("a", settings)


def test_mergekits_window_of_della_is_twice_as_wide() -> None:
    wide = {"density": 0.25, "epsilon": 0.25, "weight": 1.0, "semantics": "mergekit"}
    METHODS["della"].settings("a", {**wide, "epsilon": 0.249})
    with pytest.raises(CompositionError, match="epsilon spreads"):
        METHODS["della"].settings("a", wide)


def test_an_element_that_a_task_did_not_change_is_not_given_to_it() -> None:
    # elected are 4 and 6; task a changed the first alone, so its Σ|τ| = 2 goes to the 4
    assert merged("emr", [2.0, 0.0], [4.0, 6.0], names=["a", "b"], task="a") == [2.0, 0.0]


def test_half_that_agree_are_enough_if_half_is_asked_for() -> None:
    taus = ([1.0], [1.0], [1.0], [-2.0])
    assert merged("fedgma", *taus, rho=0.5) == [1.0]
    assert merged("fedgma", *taus, rho=0.51) == [0.5]


def test_masks_hold_what_is_exactly_as_large() -> None:
    assert merged("tall_mask", [1.0, 1.0], [1.0, 1.5], threshold=1.0, names=["a", "b"]) == [2.0, 0.0]
    assert merged("consensus", [1.0, 1.0], [1.0, 1.5], threshold=1.0, k=2) == [2.0, 0.0]
    assert merged("consensus", [1.0, 1.0], [1.0, 1.5], threshold=1.0, k=1) == [2.0, 2.5]


def test_sce_with_everything_selected_keeps_what_all_tasks_share() -> None:
    assert merged("sce", [1.0, 1.0], [1.0, 3.0], select_topk=1.0) == pytest.approx([1, (2 * 1 + 10 * 3) / 12])
    # of two elements that vary one half is one; the others do not count
    assert merged("sce", [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 2.0, 4.0], select_topk=0.5) == pytest.approx(
        [0, 0, 0, (1 * 1 + 16 * 4) / 17]
    )


def test_sce_of_next_to_nothing_weighs_all_alike() -> None:
    assert merged("sce", [1e-4], [3e-4], select_topk=1.0) == pytest.approx([2e-4], rel=1e-9)
    assert merged("sce", [1.0], [3.0], select_topk=1.0) == pytest.approx([0.1 * 1 + 0.9 * 3])


def test_opposite_fine_tunes_are_drawn_to_the_base_by_model_stock() -> None:
    assert merged("model_stock", [1.0, 0.0], [-1.0, 0.0]) == [0.0, 0.0]
    assert merged("model_stock", [1.0, 0.0], [-1.0, 0.0], filter_wise=True) == [0.0, 0.0]


def test_weights_that_cancel_are_half_way_and_parallel_vectors_on_a_line() -> None:
    quarter = np.sqrt(0.5)
    assert merged("nuslerp", [1.0, 0.0], [0.0, 1.0], weight=[1.0, -1.0]) == pytest.approx([quarter, quarter])
    for flatten in (True, False):
        for factor in (2.0, -3.0):
            found = merged("nuslerp", [0.0, 2.0], [0.0, 2 * factor], weight=[0.75, 0.25], nuslerp_flatten=flatten)
            assert found == pytest.approx([0, 2 * (0.75 + 0.25 * factor)])


@pytest.mark.parametrize(("weight", "wanted"), [([1.0, 0.0], [1.0, 2.0]), ([0.0, 3.0], [5.0, 6.0])])
def test_a_vector_without_weight_pulls_no_median(weight: list[float], wanted: list[float]) -> None:
    assert merged("geometric_median", [1.0, 2.0], [5.0, 6.0], weight=weight) == pytest.approx(wanted)


@pytest.mark.parametrize("weight", [[0.0, 0.0], [2.0, -1.0]])
def test_weights_of_a_median_are_not_negative_and_not_all_nothing(weight: list[float]) -> None:
    with pytest.raises(CompositionError, match="weight has to be at least 0, and above 0 for some vector"):
        merged("geometric_median", [1.0, 2.0], [5.0, 6.0], weight=weight)


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_a_median_and_what_is_taken_away_do_not_depend_on_the_unit(factor: float) -> None:
    taus = np.random.default_rng(4).standard_normal((4, 6)) + 1
    median = METHODS["geometric_median"]
    np.testing.assert_allclose(median(factor * taus), factor * median(taus), rtol=1e-6)
    gram = taus @ taus.T
    np.testing.assert_allclose(disentangled(factor**2 * gram, 0.0, 5), disentangled(gram, 0.0, 5), rtol=1e-6)


def test_a_base_has_the_shape_of_its_deltas_and_each_delta_a_name() -> None:
    ties = METHODS["ties"]
    with pytest.raises(CompositionError, match=r"expected a base of shape \[2\] and 1 names, found \[3\] and 1"):
        ties(np.ones((1, 2)), base=np.ones(3))
    with pytest.raises(CompositionError, match=r"expected a base of shape \[2\] and 1 names, found \[2\] and 2"):
        ties(np.ones((1, 2)), names=["a", "b"])


def test_what_varies_is_checked_where_it_is_asked_for() -> None:
    """A function stands for a value: what is required may be one, and what is missing beside one is still missing."""
    taus = np.ones((2, 3))
    assert METHODS["nearswap"](taus[:1], t=lambda _: 0.5).tolist() == [0.5] * 3
    with pytest.raises(CompositionError, match=r"ties of tensor w: needs weight|ties: needs weight"):
        METHODS["ties"](taus, tensor="w", density=lambda _: 0.5, semantics="mergekit")
    with pytest.raises(CompositionError, match=r"^ties: density is 3, expected"):
        METHODS["ties"].settings("ab", {"density": 3.0, "weight": lambda _: 1.0})
    with pytest.raises(CompositionError, match=r"^ties of tensor w: density is 3, expected"):
        METHODS["ties"](taus, tensor="w", density=lambda _: 3.0)


def test_settings_are_written_in_the_order_of_the_options_and_only_those_given() -> None:
    settings = METHODS["ties"].settings("ab", {"trim": "model", "density": [0.5, 1], "rescale": True, "lambda": 2.5})
    assert settings.text == "scaling=2.5, density=[0.5, 1], rescale=true, trim=model"
    assert METHODS["ties"].settings("ab", {"weight": lambda _: 1.0}).text == "weight=…"


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("ties", {"weight": float("inf")}, "weight is inf, expected a finite number"),
        ("ties", {"weight": True}, "weight is True, expected a number"),
        ("ties", {"rescale": "yes"}, "rescale is yes, expected true or false"),
        ("ties", {"trim": 1}, "trim is 1, expected one of tensor, model"),
        ("awd", {"iterations": -1}, "iterations is -1, expected at least 0"),
        ("geometric_median", {"max_iter": 0}, "max_iter is 0, expected at least 1, such as max_iter=1000"),
        ("nearswap", {"t": -1}, "t is -1, expected at least 0$"),
        ("ties", {"normalize": 0.5}, "normalize is 0.5, expected true or false, such as normalize=true"),
    ],
)
def test_values_of_another_kind_are_refused(method: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CompositionError, match=message):
        METHODS[method].settings("a", options)


def test_one_and_zero_are_flags_and_whole_floats_are_counts() -> None:
    assert METHODS["ties"].settings("a", {"normalize": 0, "rescale": 1}).at("").rescale is True
    assert METHODS["awd"].settings("a", {"iterations": 5.0}).at("").iterations == 5
    assert METHODS["cclip"].settings("a", {"rho": None}).at("").rho is None
    assert METHODS["cclip"].settings("a", {"rho": 2}).at("").rho == 2


def test_a_trimmed_mean_is_the_mean_of_what_is_left() -> None:
    assert merged("trimmed_mean", [1.0], [100.0], [2.0], [-50.0], [6.0]) == [3.0]
    assert merged("trimmed_mean", [1.0], [100.0], [2.0], [-51.0], fraction=0.24) == [13.0]
