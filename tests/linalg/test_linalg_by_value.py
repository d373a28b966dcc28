"""Rules, certificates, searches and truncation at their edges, by value and against dense mathematics."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from taskvec.errors import BasisError, DecompositionError
from taskvec.linalg.certificate import Certificate, best_decoder, enough, in_words, known, relative_size, residual_gram
from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.linalg.encoders.encoding import Encoding
from taskvec.linalg.encoders.ways.autoencoder import AutoencoderOptions
from taskvec.linalg.search import golden_section, grid_search
from taskvec.linalg.subspaces import precise
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.singular import search_bytes
from taskvec.linalg.subspaces.subspaces import SubspaceRule
from taskvec.linalg.truncation import truncated_matrix, truncated_products


def test_a_rule_chooses_so_many_or_as_many_as_hold_a_share() -> None:
    squares = np.array([4.0, 3.0, 2.0, 1.0])
    assert [RankRule(rank=r).choose(squares, 10.0) for r in (1, 3, 9)] == [1, 3, 4]
    shares = {0.39: 1, 0.4: 1, 0.41: 2, 0.7: 2, 0.71: 3, 0.9: 3, 0.91: 4}
    assert {share: RankRule(energy=share).choose(squares, 10.0) for share in shares} == shares
    assert RankRule(energy=0.5).choose(squares[:1], 10.0) is None
    assert RankRule(energy=0.4).choose(squares[:1], 10.0) == 1
    assert RankRule(energy=0.5).choose(squares[:0], 10.0) is None
    assert RankRule(energy=0.5).choose(squares[:0], 0.0) == 0
    assert [RankRule(rank=3).most(side) for side in (2, 3, 9)] == [2, 3, 3]
    assert RankRule(energy=0.5).most(7) == 7
    assert (str(RankRule(rank=3)), str(RankRule(energy=0.25))) == ("rank 3", "energy 0.25")


@pytest.mark.parametrize("given", [{}, {"rank": 1, "energy": 0.5}, {"rank": 0}, {"energy": 0.0}, {"energy": 1.0}])
def test_other_rules_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(DecompositionError, match=r"give --rank R or --energy E|keeps nothing|is no share between"):
        RankRule(**given)


def test_thresholds_are_between_zero_and_one_and_above_what_one_task_has() -> None:
    SubspaceRule(threshold=0.26).check_tasks(4)
    SubspaceRule().check_tasks(2)
    SubspaceRule("chain", 0.1).check_tasks(2)
    for threshold in (0.0, 1.0, -0.1):
        with pytest.raises(DecompositionError, match="is out of range: use edge, or a number between 0 and 1"):
            SubspaceRule(threshold=threshold)
    with pytest.raises(DecompositionError, match=r"on the mean of 4 tasks every direction of any single one has 0\.25"):
        SubspaceRule(threshold=0.25).check_tasks(4)
    with pytest.raises(DecompositionError, match="at least two task vectors, not 1"):
        SubspaceRule().check_tasks(1)
    with pytest.raises(DecompositionError, match="unknown subspace 'x'"):
        SubspaceRule("x")


@pytest.mark.parametrize(
    ("error", "truth", "size"),
    [(4.0, 16.0, 0.5), (0.0, 0.0, 0.0), (-1e-20, 5.0, 0.0), (1.0, 0.0, math.inf), (1.0, -1.0, math.inf)],
)
def test_relative_sizes(error: float, truth: float, size: float) -> None:
    assert relative_size(error, truth) == pytest.approx(size)


def test_what_is_unknown_has_no_size_and_is_said() -> None:
    assert math.isnan(relative_size(math.nan, 1.0))
    assert math.isnan(relative_size(1.0, math.nan))
    assert (known(math.nan), known(math.inf), known(0.5)) == (None, None, 0.5)
    assert (in_words(math.nan), in_words(0.123456), in_words(0.123456, 1)) == ("unknown", "0.123", "0.1")


@pytest.mark.parametrize(
    ("error", "said"), [(0.1234, "0.124"), (0.12, "0.12"), (0.99951, "1"), (12.341, "12.4"), (0.00031201, "0.000313")]
)
def test_enough_is_rounded_up(error: float, said: str) -> None:
    assert enough(error) == said
    assert float(said) >= error


def dense(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((30, 4)), rng.standard_normal((30, 2))


def test_the_best_decoder_is_least_squares_and_its_residual_dense() -> None:
    v, atoms = dense()
    decoder = best_decoder(atoms.T @ atoms, atoms.T @ v)
    np.testing.assert_allclose(decoder, np.linalg.lstsq(atoms, v, rcond=None)[0], rtol=1e-9)
    other = np.random.default_rng(1).standard_normal((2, 4))
    lost = atoms @ other - v
    found = residual_gram(v.T @ v, atoms.T @ atoms, atoms.T @ v, other)
    np.testing.assert_allclose(found, lost.T @ lost, rtol=1e-9)
    np.testing.assert_array_equal(found, found.T)


def test_an_atom_of_zeros_decodes_to_nothing() -> None:
    v, atoms = dense()
    atoms[:, 1] = 0
    decoder = best_decoder(atoms.T @ atoms, atoms.T @ v)
    np.testing.assert_allclose(decoder[0], atoms[:, 0] @ v / (atoms[:, 0] @ atoms[:, 0]), rtol=1e-9)
    assert not decoder[1].any()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_an_encoding_says_how_much_it_amplifies_rounding(scale: float) -> None:
    """Σ ‖W_k‖²‖s_k‖² / ‖V‖², on the vectors themselves."""
    v, _ = dense()
    v *= scale
    encoder = np.random.default_rng(2).standard_normal((4, 3))
    decoder = np.linalg.lstsq(v @ encoder, v, rcond=None)[0]
    wanted = ((decoder**2).sum(axis=1) * ((v @ encoder) ** 2).sum(axis=0)).sum() / (v**2).sum()
    assert Encoding(encoder).noise_gain(v.T @ v) == pytest.approx(wanted, rel=1e-6)
    assert Encoding(encoder).noise_gain(np.zeros((4, 4))) == 0
    assert Encoding(encoder, 2 * decoder).noise_gain(v.T @ v) == pytest.approx(4 * wanted, rel=1e-6)


@pytest.mark.parametrize(
    ("encoder", "is_convex"),
    [([[0.5, 0], [0.5, 1]], True), ([[0.5, -0.1], [0.5, 1.1]], False), ([[0.5, 0], [0.4, 1]], False)],
)
def test_atoms_are_convex_where_nothing_is_negative_and_sums_are_one(encoder: list, is_convex: bool) -> None:
    assert Encoding(np.array(encoder)).is_convex is is_convex
    assert Encoding(np.array(encoder)).num_stored == 2


def certificate(gram: np.ndarray, num_atoms: int, residual: np.ndarray | None = None) -> Certificate:
    tasks = tuple("abcd"[: len(gram)])
    lost = np.zeros_like(gram) if residual is None else residual
    return Certificate(tasks=tasks, num_atoms=num_atoms, gram=gram, residual=lost)


def test_the_least_error_of_so_many_atoms() -> None:
    gram = np.diag([4.0, 3.0, 2.0, 1.0])
    wanted = {0: 0.0, 1: (6 / 10) ** 0.5, 2: (3 / 10) ** 0.5, 3: (1 / 10) ** 0.5, 4: 0.0, 5: 0.0}
    found = {count: certificate(gram, count).optimal_error for count in wanted}
    assert found == pytest.approx(wanted, abs=1e-7)


def test_the_worst_task_is_one_whose_error_is_known() -> None:
    gram = np.diag([4.0, 4.0, 4.0])
    assert certificate(gram, 1, np.diag([1.0, 2.0, 0.5])).worst_task == "b"
    assert certificate(gram, 1, np.diag([math.nan, 2.0, 3.0])).worst_task == "c"
    assert certificate(gram, 1, np.diag([math.nan, 0.0, math.nan])).worst_task == "b"
    assert certificate(gram, 1, np.diag([math.nan] * 3)).worst_task == "a"
    assert certificate(gram, 1, np.diag([1.0, 2.0, 0.5])).task_errors == pytest.approx(
        {"a": 0.5, "b": 2**0.5 / 2, "c": 0.125**0.5}
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"steps": 0}, "at least 1"),
        ({"tau": 0.0}, "above 0"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"anneal_every": -1}, "at least 0"),
        ({"tau": -1.0}, "above 0"),
    ],
)
def test_an_autoencoder_has_positive_steps(given: dict[str, Any], expected: str) -> None:
    (name,) = given
    with pytest.raises(BasisError, match=rf"^autoencoder: {name} is \S+, expected {expected}"):
        BASIS_METHODS["autoencoder"].options_of(given)


def test_the_least_that_an_autoencoder_takes() -> None:
    options_of = BASIS_METHODS["autoencoder"].options_of
    assert options_of({"steps": 1, "anneal_every": 0}) == AutoencoderOptions(steps=1, anneal_every=0)
    assert options_of({"solver": "varpro"}) == AutoencoderOptions(solver="varpro")
    open_decoder = {"solver": "adam", "decoder": "softmax"}
    assert options_of(open_decoder) == AutoencoderOptions(solver="adam", decoder="softmax")
    with pytest.raises(BasisError, match="varpro fits W by least squares"):
        options_of({"solver": "varpro", "decoder": "softmax"})


def tried(score: Callable[[float], float], **options: float) -> list[float]:
    found = grid_search(score, low=1.0, high=4.0, num_points=3, **options)  # type: ignore[arg-type]
    return [round(x, 9) for x, _ in found.tried]


def test_a_grid_goes_on_past_the_end_that_is_better_than_its_neighbour() -> None:
    assert tried(lambda x: -abs(x - 2)) == [1, 2, 4]
    assert tried(lambda x: -abs(math.log2(x) + 1.2)) == [0.25, 0.5, 1, 2, 4]
    assert tried(lambda x: -abs(math.log2(x) - 3.2)) == [1, 2, 4, 8, 16]
    assert tried(lambda _: 1.0) == [1, 2, 4]
    assert tried(lambda x: x, most_points=5) == [1, 2, 4, 8, 16]
    assert tried(lambda x: max(x, 2.0) * (x < 5)) == [1, 2, 4, 8]


def test_a_tolerance_is_exactly_as_much_as_it_says() -> None:
    score = {0.5: 0.0, 1: 0.75, 2: 1.0, 4: 0.5, 8: 0.5, 16: 0.25}
    assert tried(lambda x: score[round(x)], tolerance=0.5) == [1, 2, 4, 8, 16]
    assert tried(lambda x: score[round(x)], tolerance=0.49) == [1, 2, 4]
    assert tried(lambda x: score[round(x)]) == [1, 2, 4]


def test_golden_section_keeps_the_golden_ratio() -> None:
    ratio = (math.sqrt(5) - 1) / 2
    found = golden_section(operator.neg, low=0.0, high=1.0, tolerance=0.3)
    # the interval shrinks to ratio, ratio², ratio³ = 0.236
    assert [x for x, _ in found.tried] == pytest.approx(sorted([ratio**5, ratio**4, ratio**3, ratio**2, ratio]))
    assert found.scaling == pytest.approx(ratio**5)
    other = golden_section(lambda x: x, low=0.0, high=1.0, tolerance=0.3)
    assert [x for x, _ in other.tried] == pytest.approx(sorted(1 - ratio**k for k in range(1, 6)))
    once = golden_section(lambda _: 0.0, low=0.0, high=2.0, tolerance=1.0)
    assert [x for x, _ in once.tried] == pytest.approx([2 * ratio**2, 2 * ratio])


@pytest.mark.parametrize("elements", [1, 7, 12, 1 << 20])
@pytest.mark.parametrize("shape", [(5, 4), (4, 5), (1, 3), (6, 1)])
def test_products_in_blocks_are_those_of_the_whole(
    elements: int, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precise, "_ELEMENTS", elements)
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal(shape).astype(np.float32)
    wide = matrix.astype(np.float64)
    right, left = rng.standard_normal((shape[1], 2)), rng.standard_normal((shape[0], 2))
    np.testing.assert_allclose(precise.times(matrix, right), wide @ right, rtol=1e-12)
    np.testing.assert_allclose(precise.transposed_times(matrix, left), wide.T @ left, rtol=1e-12)
    gram = wide.T @ wide if shape[0] >= shape[1] else wide @ wide.T
    np.testing.assert_allclose(precise.shorter_gram(matrix), gram, rtol=1e-12)
    assert precise.squared_norm(matrix) == pytest.approx((wide**2).sum())
    assert max(1, elements // shape[1]) >= max(len(range(*rows.indices(shape[0]))) for rows in precise._blocks(matrix))


class Product:
    def __init__(self, left: np.ndarray, right: np.ndarray) -> None:
        self.left, self.right = left.astype(np.float32), right.astype(np.float32)

    def scaled_left(self) -> Any:
        return self.left

    def whole_right(self) -> Any:
        return self.right


@pytest.mark.parametrize("rule", [RankRule(rank=2), RankRule(rank=9), RankRule(energy=0.6)])
def test_sums_of_products_are_cut_as_the_dense_matrix_is(rule: RankRule) -> None:
    rng = np.random.default_rng(0)
    products = [Product(rng.standard_normal((8, r)), rng.standard_normal((r, 6))) for r in (2, 1)]
    terms = list(zip((0.5, -3.0), products, strict=True))
    whole = sum(c * p.left.astype(np.float64) @ p.right.astype(np.float64) for c, p in terms)
    left, values, right = np.linalg.svd(whole, full_matrices=False)
    squares = values**2
    rank = 3 if rule.rank == 9 else rule.choose(squares, float(squares.sum()))
    found = truncated_products(terms, rule)
    assert found.rank == rank
    np.testing.assert_allclose(found.left @ found.right, (left[:, :rank] * values[:rank]) @ right[:rank], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.left, axis=0), np.sqrt(values[:rank]), rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.right, axis=1), np.sqrt(values[:rank]), rtol=1e-9)
    assert found.energy == pytest.approx(squares.sum())
    assert found.lost == pytest.approx(squares[rank:].sum(), abs=1e-9)
    dense_found = truncated_matrix(whole.astype(np.float32), rule, "w", "cpu")
    np.testing.assert_allclose(dense_found.left @ dense_found.right, found.left @ found.right, atol=1e-5)
    assert dense_found.energy == pytest.approx(squares.sum(), rel=1e-5)
    assert dense_found.lost == pytest.approx(squares[rank:].sum(), abs=1e-4)


def test_directions_that_float32_cannot_tell_from_zero_are_not_kept() -> None:
    """Of a 6 × 4 matrix those below 6 · 2⁻²³ of the largest singular value."""
    for beside, rank in ((1.1, 2), (0.9, 1)):
        small = beside * 6 * 2.0**-23
        product = Product(np.eye(6, 2), np.diag([1.0, small]) @ np.eye(2, 4))
        assert truncated_products([(1.0, product)], RankRule(rank=4)).rank == rank
    nothing = truncated_products([(0.0, Product(np.eye(6, 2), np.eye(2, 4)))], RankRule(rank=4))
    assert (nothing.rank, nothing.energy, nothing.lost) == (0, 0, 0)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("shape", "rank", "wanted"),
    [
        ((512, 9000), 16, 4 * 8 * 512**2),
        ((513, 513), 16, 4 * 8 * 513**2),
        ((200_000, 2_000), 16, 2 * 8 * 202_000 * (250 + 16)),
        ((2_000, 2_000), 1_900, 2 * 8 * 4_000 * (250 + 1_900)),
        ((4_000, 2_000), 16, 4 * 8 * 2_000**2),
    ],
)
def test_a_search_takes_a_square_or_so_many_columns_twice(
    shape: tuple[int, int], rank: int, wanted: int, turned: bool
) -> None:
    """At least an eighth of the shorter side, at most two fifths, between them what the exact way's memory affords."""
    assert search_bytes(shape[::-1] if turned else shape, rank) == pytest.approx(wanted, rel=0.02)
    assert search_bytes(shape, rank) == search_bytes(shape[::-1], rank)
