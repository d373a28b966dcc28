"""Laws of the ways to choose atoms, against dense float64 arithmetic on V itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from method_cases import CASES, WITHOUT_ENCODER, Matrix, MethodCase

from taskvec.errors import BasisError
from taskvec.linalg.encoders import BASIS_METHODS, Encoding, Generated
from taskvec.linalg.encoders.equalized import encode_equalized, equalized_gram, norms_of
from taskvec.linalg.encoders.ways.autoencoder import AutoencoderOptions, loss_gradients
from taskvec.linalg.spectrum import Spectrum

ATOMS = 3
every_method = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)


def vectors(seed: int = 0, num_tasks: int = 6, shared: float = 1.0) -> Matrix:
    """V, ``(P, T)``: independent parts of several sizes and one that all share."""
    rng = np.random.default_rng(seed)
    sizes = np.linspace(0.5, 1.5, num_tasks)
    return rng.standard_normal((40, num_tasks)) * sizes + shared * rng.standard_normal((40, 1))


def recovered(v: Matrix, encoding: Encoding) -> Matrix:
    return v @ encoding.encoder @ encoding.decoder_for(v.T @ v)


def error(v: Matrix, encoding: Encoding) -> float:
    return float(np.linalg.norm(recovered(v, encoding) - v) / np.linalg.norm(v))


def bound(v: Matrix, rank: int) -> float:
    squares = np.linalg.svd(v, compute_uv=False) ** 2
    return float(np.sqrt(squares[rank:].sum() / squares.sum()))


def test_every_method_is_in_the_table() -> None:
    known = {case.method for case in CASES} | WITHOUT_ENCODER
    assert known == set(BASIS_METHODS), "add it to tests/linalg/encoders/method_cases.py"


@every_method
@given(seed=st.integers(0, 1000))
def test_the_residual_is_that_of_the_vectors(case: MethodCase, seed: int) -> None:
    v = vectors(seed)
    encoding = case.encode(v.T @ v, ATOMS)
    off = recovered(v, encoding) - v
    np.testing.assert_allclose(encoding.residual(v.T @ v), off.T @ off, atol=1e-9 * np.linalg.norm(v) ** 2)


@every_method
@given(seed=st.integers(0, 1000), count=st.integers(1, 5))
def test_no_method_beats_the_bound_of_its_rank(case: MethodCase, seed: int, count: int) -> None:
    v = vectors(seed)
    encoding = case.encode(v.T @ v, count)
    assert error(v, encoding) >= bound(v, encoding.num_stored) - 1e-9
    if case.is_optimal:
        assert error(v, encoding) == pytest.approx(bound(v, count), abs=1e-7)


@every_method
@given(seed=st.integers(0, 1000))
def test_atoms_are_convex_where_promised(case: MethodCase, seed: int) -> None:
    v = vectors(seed, shared=3.0)
    assert (v.T @ v > 0).all()
    if case.is_convex:
        assert case.encode(v.T @ v, ATOMS).is_convex


@every_method
@given(order=st.permutations(range(6)))
def test_the_order_of_tasks_does_not_matter(case: MethodCase, order: list[int]) -> None:
    if not case.ignores_order:
        return
    v = vectors()
    straight = recovered(v, case.encode(v.T @ v, ATOMS))
    permuted = recovered(v[:, order], case.encode(v[:, order].T @ v[:, order], ATOMS))
    np.testing.assert_allclose(permuted, straight[:, order], atol=1e-6)


@every_method
def test_equal_inputs_give_equal_bits(case: MethodCase) -> None:
    gram = vectors().T @ vectors()
    first, second = case.encode(gram, ATOMS), case.encode(gram.copy(), ATOMS)
    assert first.encoder.tobytes() == second.encoder.tobytes()
    assert first.decoder_for(gram).tobytes() == second.decoder_for(gram).tobytes()


@every_method
def test_a_decoder_of_least_squares_has_no_slope(case: MethodCase) -> None:
    v = vectors()
    encoding = case.encode(v.T @ v, ATOMS)
    slope = encoding.encoder.T @ v.T @ (recovered(v, encoding) - v)
    assert (np.abs(slope).max() < 1e-6) == case.is_least_squares


@every_method
def test_singular_and_zero_vectors_are_no_obstacle(case: MethodCase) -> None:
    v = vectors()
    v[:, 1], v[:, 3], v[:, 4] = v[:, 0], 0.0, 2 * v[:, 0]
    encoding = case.encode(v.T @ v, 4)
    assert np.isfinite(encoding.encoder).all()
    assert np.isfinite(recovered(v, encoding)).all()
    if case.is_optimal:
        assert error(v, encoding) < 1e-7


@every_method
def test_a_group_in_which_nothing_changed_is_no_obstacle(case: MethodCase) -> None:
    encoding = case.encode(np.zeros((6, 6)), ATOMS)
    assert np.isfinite(encoding.encoder).all()
    assert np.isfinite(encoding.decoder_for(np.zeros((6, 6)))).all()
    assert not encoding.residual(np.zeros((6, 6))).any()


def test_negative_inner_products_still_reach_the_optimum() -> None:
    v = np.random.default_rng(5).standard_normal((30, 6))
    encoding = next(case for case in CASES if case.is_optimal).encode(v.T @ v, ATOMS)
    assert not encoding.is_convex
    assert error(v, encoding) == pytest.approx(bound(v, ATOMS), abs=1e-9)


def test_nearly_parallel_convex_atoms_are_given_up() -> None:
    large, small = 4 * np.ones((3, 3)) + np.eye(3), np.ones((3, 3)) + np.eye(3)
    gram = np.block([[large, np.full((3, 3), 1e-4)], [np.full((3, 3), 1e-4), small]])
    encoder, is_convex = Spectrum.of(gram).encoder(ATOMS)
    assert is_convex
    assert Encoding(encoder).noise_gain(gram) > 1e6
    chosen = CASES[0].encode(gram, ATOMS)
    assert chosen.noise_gain(gram) <= 1 + 1e-9
    assert not chosen.is_convex


def test_pca_is_the_centred_decomposition() -> None:
    v = vectors()
    mean = v.mean(axis=1, keepdims=True)
    u, s, vh = np.linalg.svd(v - mean, full_matrices=False)
    expected = mean + (u[:, :ATOMS] * s[:ATOMS]) @ vh[:ATOMS]
    encoding = BASIS_METHODS["pca"].encode(v.T @ v, ATOMS, BASIS_METHODS["pca"].options_of({}))
    assert isinstance(encoding, Encoding)
    np.testing.assert_allclose(recovered(v, encoding), expected, atol=1e-9)
    np.testing.assert_allclose((v @ encoding.encoder)[:, -1:], mean)
    assert encoding.has_mean
    assert encoding.num_stored == ATOMS + 1


def test_the_greedy_subset_takes_what_explains_most() -> None:
    v = vectors()
    encoding = BASIS_METHODS["subset"].encode(v.T @ v, 1, BASIS_METHODS["subset"].options_of({}))
    assert isinstance(encoding, Encoding)
    others = [error(v, Encoding(np.eye(6)[:, [t]])) for t in range(6)]
    assert error(v, encoding) == pytest.approx(min(others))


def test_a_subset_recovers_its_members_exactly() -> None:
    v = vectors()
    encoding = BASIS_METHODS["subset"].encode(v.T @ v, 2, BASIS_METHODS["subset"].options_of({"choice": "random"}))
    assert isinstance(encoding, Encoding)
    members = encoding.encoder.any(axis=1)
    assert members.sum() == 2
    np.testing.assert_allclose(recovered(v, encoding)[:, members], v[:, members], atol=1e-9)


@pytest.mark.parametrize("encoder", ["softmax", "linear"])
@pytest.mark.parametrize(("solver", "decoder"), [("adam", "linear"), ("adam", "softmax"), ("varpro", "linear")])
def test_gradients_are_those_of_finite_differences(encoder: str, solver: str, decoder: str) -> None:
    options = AutoencoderOptions(solver=solver, encoder=encoder, decoder=decoder)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    gram = vectors().T @ vectors()
    logits, weights = rng.standard_normal((6, ATOMS)), rng.standard_normal((ATOMS, 6))
    slopes = loss_gradients(gram, logits, weights, 2.0, options)
    for learned, slope in ((logits, slopes.logits), (weights, slopes.decoder)):
        if slope is None:
            assert solver == "varpro"
            continue
        for at in [(0, 0), (1, 2), (2, 1)]:
            before, learned[at] = learned[at], learned[at] + 1e-5
            up = loss_gradients(gram, logits, weights, 2.0, options).loss
            learned[at] = before - 1e-5
            down = loss_gradients(gram, logits, weights, 2.0, options).loss
            learned[at] = before
            assert slope[at] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(
    ("encoder", "decoder", "anneal_every"),
    [("softmax", "linear", 0), ("softmax", "softmax", 10), ("linear", "linear", 10)],
)
def test_training_is_that_of_torch(encoder: str, decoder: str, anneal_every: int) -> None:
    torch = pytest.importorskip("torch")
    given = {"encoder": encoder, "decoder": decoder, "anneal_every": anneal_every, "anneal_factor": 0.3}
    gram = vectors().T @ vectors()
    a = torch.tensor(np.random.default_rng(4).standard_normal((6, ATOMS)), requires_grad=True)
    w = torch.zeros(ATOMS, 6, dtype=torch.float64, requires_grad=True)
    adam, tau = torch.optim.Adam([a, w], lr=1e-2, weight_decay=1e-6), 5.0

    def maps() -> tuple[Any, Any]:
        b = torch.softmax(a / tau, dim=0) if encoder == "softmax" else a / tau
        return b, torch.softmax(w / tau, dim=0) if decoder == "softmax" else w

    for step in range(1, 51):
        b, recovering = maps()
        off = b @ recovering - torch.eye(6, dtype=torch.float64)
        adam.zero_grad()
        (off * (torch.tensor(gram) @ off)).sum().div(36).backward()
        adam.step()
        if anneal_every and step % anneal_every == 0:
            tau = max(0.1, 0.3 * tau)
    assert (tau < 0.11) == (anneal_every > 0)  # the floor is reached
    encoding = _encode("autoencoder", gram, {"steps": 50, "seed": 4, **given})
    for found, expected in zip((encoding.encoder, encoding.decoder_for(gram)), maps(), strict=True):
        np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-9)


def test_training_comes_near_the_optimum() -> None:
    v = vectors(shared=2.0)
    trained = {
        solver: error(v, _encode("autoencoder", v.T @ v, {"solver": solver, "steps": 3000}))
        for solver in ("adam", "varpro")
    }
    assert trained["varpro"] < 1.1 * bound(v, ATOMS)
    assert trained["varpro"] <= trained["adam"] + 1e-6
    assert trained["adam"] < 1.5 * bound(v, ATOMS)


def test_rescaled_training_does_not_see_the_scale() -> None:
    gram = vectors().T @ vectors()
    options = {"rescale": True, "steps": 300}
    large, small = (_encode("autoencoder", scale * gram, options) for scale in (1.0, 1e-8))
    np.testing.assert_allclose(small.encoder, large.encoder, atol=1e-9)
    np.testing.assert_allclose(small.decoder_for(gram), large.decoder_for(gram), atol=1e-9)


def test_normalized_vectors_count_alike() -> None:
    v = vectors() * np.array([1, 1, 1, 100, 100, 100])
    gram = v.T @ v
    plain, fair = CASES[0].encode(gram, ATOMS), _equalized("spectral", gram)
    tasks = [np.linalg.norm(recovered(v, e) - v, axis=0) / np.linalg.norm(v, axis=0) for e in (plain, fair)]
    assert tasks[1].max() < tasks[0].max()
    assert (tasks[1] ** 2).mean() == pytest.approx(bound(v / np.linalg.norm(v, axis=0), ATOMS) ** 2)


@pytest.mark.parametrize("method", ["autoencoder", "pca"])
def test_a_trained_decoder_survives_normalization(method: str) -> None:
    v = vectors()
    norms = np.linalg.norm(v, axis=0)
    unit = v / norms
    found = _equalized(method, v.T @ v)
    expected = recovered(unit, _encode(method, equalized_gram(v.T @ v, norms), {})) * norms
    np.testing.assert_allclose(recovered(v, found), expected, atol=1e-8)


def test_random_atoms_are_only_named() -> None:
    method = BASIS_METHODS["random"]
    assert method.encode(np.eye(4), 2, method.options_of({"seed": 9})) == Generated(2, 9)
    assert encode_equalized(method, np.eye(4), 2, method.options_of({"seed": 9}), np.ones(4)) == Generated(2, 9)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("spectrl", {}, "did you mean 'spectral'"),
        ("autoencoder", {"stepz": 5}, "no option 'stepz' .did you mean 'steps'"),
        ("autoencoder", {"steps": "many"}, "autoencoder: steps is many, expected a number, such as steps=6000"),
        ("autoencoder", {"steps": 0}, "autoencoder: steps is 0, expected at least 1, such as steps=6000"),
        ("autoencoder", {"solver": "varpro", "decoder": "softmax"}, "decoder must stay linear"),
        ("subset", {"choice": "best"}, "subset: choice is best, expected one of greedy, random, such as choice=greedy"),
    ],
)
def test_mistakes_are_named(method: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(BasisError, match=message):
        BASIS_METHODS.find(method).options_of(options)


def test_options_may_be_text() -> None:
    assert BASIS_METHODS["autoencoder"].options_of({"steps": "5", "tau": "1.5"}) == AutoencoderOptions(steps=5, tau=1.5)


def test_divergence_is_an_error() -> None:
    with pytest.raises(BasisError, match="diverged"), np.errstate(all="ignore"):
        _encode("autoencoder", 1e300 * np.eye(4), {"steps": 5, "learning_rate": 1e200, "encoder": "linear"})


def _encode(method: str, gram: Matrix, options: dict[str, object]) -> Encoding:
    found = BASIS_METHODS.find(method).encode(gram, ATOMS, BASIS_METHODS.find(method).options_of(options))
    assert isinstance(found, Encoding)
    return found


def _equalized(method: str, gram: Matrix) -> Encoding:
    found = encode_equalized(
        BASIS_METHODS.find(method), gram, ATOMS, BASIS_METHODS.find(method).options_of({}), norms_of(gram)
    )
    assert isinstance(found, Encoding)
    return found
