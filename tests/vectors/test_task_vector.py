"""Task vectors against dense float64 arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from taskvec import TaskVector
from taskvec.errors import AlignmentError, CheckpointError, NonFiniteError
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import Family, SavedFamily, make_family
from taskvec.testing.strategies import families
from taskvec.types import DType
from taskvec.vectors.alignment import Rule
from taskvec.vectors.edited import Edited
from taskvec.vectors.output import OutputOptions
from taskvec.vectors.task_vector import gram_matrix

COEFFICIENTS = st.lists(st.floats(-2, 2, width=32), min_size=4, max_size=4)
NUMPY = {
    None: None,
    DType.F32: oracles.COMBINABLE[0],
    DType.F16: oracles.COMBINABLE[1],
    DType.BF16: oracles.COMBINABLE[2],
}

QUESTIONS: dict[str, Callable[[TaskVector, TaskVector, Path], object]] = {
    "norm": lambda _, spoilt, __: spoilt.norm(),
    "dot": lambda good, spoilt, _: good.dot(spoilt),
    "cosine": lambda good, spoilt, _: spoilt.cosine(good),
    "save": lambda good, spoilt, out: (good + spoilt).apply_to().save(out),
}


def vectors_of(saved: SavedFamily) -> list[TaskVector]:
    return [TaskVector(saved.base, ref) for ref in saved.finetuned.values()]


@given(families())
def test_the_gram_matrix_is_that_of_the_dense_deltas(tmp_path_factory: pytest.TempPathFactory, family: Family) -> None:
    vectors = vectors_of(family.save(tmp_path_factory.mktemp("gram")))
    oracles.assert_close(gram_matrix(vectors), oracles.gram(family), relative=1e-6, what="gram")


def test_norm_dot_and_cosine_are_those_of_the_dense_deltas(family: Family, saved: SavedFamily) -> None:
    first, second, _ = vectors_of(saved)
    gram, cosine = oracles.gram(family), oracles.cosine(family)
    assert first.norm() == pytest.approx(np.sqrt(gram[0, 0]), rel=1e-6)
    assert first.dot(second) == pytest.approx(gram[0, 1], rel=1e-6)
    assert first.cosine(second) == pytest.approx(cosine[0, 1], rel=1e-6)
    assert first.cosine(first * -2) == pytest.approx(-1, rel=1e-12)


def test_numbers_of_combinations_are_those_of_the_dense_combination(family: Family, saved: SavedFamily) -> None:
    first, second, third = vectors_of(saved)
    mixed = 0.5 * (first - second / 4) + -third
    weights = np.array([0.5, -0.125, -1.0])
    gram = oracles.gram(family)
    assert mixed.norm() == pytest.approx(np.sqrt(weights @ gram @ weights), rel=1e-6)
    assert mixed.dot(third) == pytest.approx(weights @ gram[2], rel=1e-6)


def test_the_cosine_beside_a_zero_vector_is_not_a_number(saved: SavedFamily) -> None:
    vector = TaskVector(saved.base, saved.finetuned["math"])
    assert np.isnan(vector.cosine(vector - vector))
    assert (vector - vector).norm() == 0


@given(families(), COEFFICIENTS, st.sampled_from(list(NUMPY)))
def test_an_edited_model_is_the_dense_combination_rounded_once(
    tmp_path_factory: pytest.TempPathFactory, family: Family, coefficients: list[float], dtype: DType | None
) -> None:
    folder = tmp_path_factory.mktemp("edit")
    vectors = vectors_of(family.save(folder))
    used = coefficients[: len(vectors)]
    total = sum((c * v for c, v in zip(used[1:], vectors[1:], strict=True)), used[0] * vectors[0])
    total.apply_to().save(folder / "out", OutputOptions(dtype=dtype))
    found = oracles.load(folder / "out")
    assert found.keys() == family.base.keys()
    deltas = [oracles.delta(family.base, arrays) for arrays in family.finetuned.values()]
    for name, array in family.base.items():
        if array.dtype not in oracles.COMBINABLE:
            assert found[name].tobytes() == array.tobytes()
            continue
        assert found[name].dtype == (NUMPY[dtype] or array.dtype)
        base = array.astype(np.float64)
        exact = base + sum(c * d[name] for c, d in zip(used, deltas, strict=True))
        magnitude = sum(abs(c) * (np.abs(base) + np.abs(d[name])) for c, d in zip(used, deltas, strict=True)) + np.abs(
            base
        )
        oracles.assert_rounded_once(found[name], exact, magnitude, what=name)


@pytest.mark.parametrize("name", ["embed.weight", "layer.weight", "layer.bias", "scale", "empty"])
def test_a_tensor_that_is_read_is_the_tensor_that_is_written(saved: SavedFamily, tmp_path: Path, name: str) -> None:
    first, second, _ = vectors_of(saved)
    edited = (first - 0.3 * second).apply_to(scaling=0.7)
    edited.save(tmp_path / "out")
    written = oracles.load(tmp_path / "out")[name]
    read = edited.read(name)
    assert read.shape == written.shape
    assert read.tobytes() == written.astype(np.float32).tobytes()


def test_a_tensor_that_is_copied_is_read_as_it_is(saved: SavedFamily, family: Family) -> None:
    read = vectors_of(saved)[0].apply_to().read("position_ids")
    assert read.dtype == np.int64
    assert read.tolist() == family.base["position_ids"].tolist()


def test_a_tensor_that_is_not_there_cannot_be_read(saved: SavedFamily) -> None:
    with pytest.raises(AlignmentError, match=r"tensor wieght is not in the base .*base"):
        vectors_of(saved)[0].apply_to().read("wieght")


def test_a_task_vector_is_written_without_what_arithmetic_does_not_apply_to(
    family: Family, saved: SavedFamily, tmp_path: Path
) -> None:
    Edited(vectors_of(saved)[0], None).save(tmp_path / "tau", OutputOptions(dtype=DType.F32))
    found = oracles.load(tmp_path / "tau")
    expected = oracles.delta(family.base, family.finetuned["math"])
    assert found.keys() == expected.keys()
    for name, exact in expected.items():
        np.testing.assert_allclose(found[name], exact, rtol=2**-24, atol=0)


def test_a_written_task_vector_is_used_as_the_delta_that_it_is(saved: SavedFamily, tmp_path: Path) -> None:
    vector = vectors_of(saved)[0]
    Edited(vector, None).save(tmp_path / "tau", OutputOptions(dtype=DType.F32))
    again = TaskVector(saved.base, tmp_path / "tau")
    assert again.cosine(vector) == pytest.approx(1, abs=1e-9)
    assert (again - vector).norm() < 1e-6 * vector.norm()


def test_a_written_task_vector_of_another_base_is_refused(saved: SavedFamily, tmp_path: Path) -> None:
    Edited(vectors_of(saved)[0], None).save(tmp_path / "tau")
    stranger = make_family(["x"], seed=9).save(tmp_path / "stranger")
    with pytest.raises(AlignmentError, match=r"tau is a task vector of another base .*stranger/base"):
        TaskVector(stranger.base, tmp_path / "tau")


def test_a_skill_is_carried_to_a_sibling_of_the_base(family: Family, saved: SavedFamily, tmp_path: Path) -> None:
    sibling = family.finetuned["law"]
    vectors_of(saved)[0].apply_to(saved.finetuned["law"], 0.5).save(tmp_path / "out")
    found = oracles.load(tmp_path / "out")
    tau = oracles.delta(family.base, family.finetuned["math"])
    expected = {name: sibling[name].astype(np.float64) + 0.5 * tau[name] for name in tau}
    for name in oracles.combinable(family.base):
        oracles.assert_rounded_once(found[name], expected[name], 8.0, what=name)
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_vectors_of_different_bases_are_not_mixed_and_both_are_named(saved: SavedFamily, tmp_path: Path) -> None:
    other = make_family(["math"], seed=5).save(tmp_path / "other")
    mine, theirs = vectors_of(saved)[0], vectors_of(other)[0]
    for mix in (lambda: mine + theirs, lambda: mine - theirs, lambda: mine.dot(theirs), lambda: mine.cosine(theirs)):
        with pytest.raises(AlignmentError, match=r"different bases .*models/base and .*other/base"):
            mix()


def test_equal_bases_at_different_places_are_the_same_base(family: Family, saved: SavedFamily, tmp_path: Path) -> None:
    elsewhere = save_folder(tmp_path / "copy", family.base, shard_size=40)
    total = TaskVector(saved.base, saved.finetuned["math"]) + TaskVector(elsewhere, saved.finetuned["code"])
    gram = oracles.gram(family)
    assert total.norm() ** 2 == pytest.approx(gram[0, 0] + 2 * gram[0, 1] + gram[1, 1], rel=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("ask", QUESTIONS)
def test_weights_that_are_not_finite_are_named(
    family: Family, saved: SavedFamily, tmp_path: Path, value: float, ask: str
) -> None:
    spoilt = {name: array.copy() for name, array in family.finetuned["math"].items()}
    spoilt["layer.weight"][2, 1] = value
    vector = TaskVector(saved.base, save_folder(tmp_path / "spoilt", spoilt))
    good = TaskVector(saved.base, saved.finetuned["code"])
    with pytest.raises(NonFiniteError, match=r"tensor layer.weight of .*spoilt.* holds NaN or infinity"):
        QUESTIONS[ask](good, vector, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_weights_that_are_not_finite_are_let_through_where_allowed(
    family: Family, saved: SavedFamily, tmp_path: Path
) -> None:
    spoilt = {name: array.copy() for name, array in family.finetuned["math"].items()}
    spoilt["embed.weight"][0, 0] = np.inf
    ref = save_folder(tmp_path / "spoilt", spoilt)
    TaskVector(saved.base, ref, allow=[Rule.NON_FINITE]).apply_to().save(tmp_path / "out")
    assert oracles.load(tmp_path / "out")["embed.weight"][0, 0] == np.inf


def test_an_overflow_is_no_broken_input(saved: SavedFamily, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match=r"tensor layer.bias: the result overflows F16: use smaller coefficients"):
        vectors_of(saved)[0].apply_to(scaling=1e8).save(tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("other", ["x", None, [1.0]])
def test_only_numbers_scale_and_only_vectors_are_added(saved: SavedFamily, other: object) -> None:
    vector = vectors_of(saved)[0]
    for operation in ("__mul__", "__rmul__", "__add__", "__sub__"):
        assert getattr(vector, operation)(other) is NotImplemented


def test_a_vector_tells_what_it_is(saved: SavedFamily) -> None:
    first, second, _ = vectors_of(saved)
    text = repr(first - 0.5 * second)
    assert text == (
        f"<TaskVector 1·({saved.finetuned['math']} − base) + -0.5·({saved.finetuned['code']} − base); "
        f"base {saved.base}>"
    )


def test_a_model_written_over_after_it_was_opened_is_not_read_with_its_old_header(
    family: Family, saved: SavedFamily
) -> None:
    vector = TaskVector(saved.base, saved.finetuned["math"])
    save_folder(saved.finetuned["math"], {"only": np.ones(500, np.float32), **family.finetuned["law"]})
    with pytest.raises(CheckpointError, match=r"math/model.safetensors: changed after its header was read"):
        vector.norm()
