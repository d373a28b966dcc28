"""Laws of arithmetic on task vectors: a table of operations, and what must hold for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from taskvec import TaskVector
from taskvec.testing.checkpoints import Array
from taskvec.testing.families import LAYOUT, Family, SavedFamily, make_family
from taskvec.testing.strategies import families
from taskvec.vectors.task_vector import gram_matrix

Vectors = Sequence[TaskVector]
Combine = Callable[[Vectors], TaskVector]

COMBINATIONS: dict[str, Combine] = {
    "sum": lambda vectors: sum(vectors[1:], vectors[0]),
    "mean": lambda vectors: sum(vectors[1:], vectors[0]) / len(vectors),
    "negated sum": lambda vectors: -sum(vectors[1:], vectors[0]),
    "weighted": lambda vectors: 0.3 * sum(vectors[1:], vectors[0]),
}
"""Combinations that do not depend on the order of tasks; a new one is a row."""

every_combination = pytest.mark.parametrize("combine", COMBINATIONS.values(), ids=COMBINATIONS)
HALVES = {name: array for name, array in LAYOUT.items() if array.dtype in {ml_dtypes.bfloat16, np.float16}}


def open_all(family: Family, folder: Path) -> tuple[SavedFamily, list[TaskVector]]:
    saved = family.save(folder)
    return saved, [TaskVector(saved.base, ref) for ref in saved.finetuned.values()]


def written(vector: TaskVector, folder: Path, scaling: float = 1.0) -> dict[str, Array]:
    vector.apply_to(scaling=scaling).save(folder)
    return oracles.load(folder)


@every_combination
@given(family=families())
def test_no_scaling_gives_the_base_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, combine: Combine, family: Family
) -> None:
    folder = tmp_path_factory.mktemp("zero")
    _, vectors = open_all(family, folder)
    assert oracles.bits(written(combine(vectors), folder / "out", 0.0)) == oracles.bits(family.base)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 0.1, 1.0]))
def test_the_whole_way_from_the_base_gives_the_fine_tune_bit_for_bit_in_16_bits(
    tmp_path_factory: pytest.TempPathFactory, seed: int, step: float
) -> None:
    """Where both have at most 11 bits and the smaller is not 2¹³ times smaller, no step is rounded.

    Elements nearer to zero than that are moved away from it; bfloat16 has 8 bits and room for 2¹⁶.
    """
    folder = tmp_path_factory.mktemp("one")
    family = make_family(["a"], seed=seed, layout=HALVES, step=step)
    for arrays in (family.base, family.finetuned["a"]):
        for array in arrays.values():
            array[np.abs(array.astype(np.float32)) < 2**-8] = 0.5
    _, (vector,) = open_all(family, folder)
    assert oracles.bits(written(vector, folder / "out")) == oracles.bits(family.finetuned["a"])


@given(st.integers(0, 2**32 - 1))
def test_the_whole_way_from_the_base_gives_the_fine_tune_within_its_last_bit_in_32(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("one")
    family = make_family(["a"], seed=seed, layout={"w": np.empty(500, np.float32)}, step=1e-3)
    _, (vector,) = open_all(family, folder)
    found, expected = written(vector, folder / "out")["w"], family.finetuned["a"]["w"]
    largest = np.maximum(np.abs(family.base["w"]), np.abs(expected))
    assert (np.abs(found.astype(np.float64) - expected) <= oracles.spacing(largest)).all()


@every_combination
@given(family=families(min_tasks=2), seed=st.randoms(use_true_random=False))
def test_the_order_of_tasks_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, combine: Combine, family: Family, seed: object
) -> None:
    folder = tmp_path_factory.mktemp("order")
    _, vectors = open_all(family, folder)
    shuffled = list(vectors)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = combine(vectors), combine(shuffled)
    assert one.dot(two) == pytest.approx(one.norm() * two.norm(), rel=1e-9)
    assert (one - two).norm() <= 1e-7 * one.norm()


@every_combination
@given(family=families(min_tasks=2), scaling=st.floats(-3, 3))
def test_every_combination_is_linear(
    tmp_path_factory: pytest.TempPathFactory, combine: Combine, family: Family, scaling: float
) -> None:
    _, vectors = open_all(family, tmp_path_factory.mktemp("linear"))
    whole = combine([scaling * vector for vector in vectors])
    parts = scaling * combine(vectors)
    size = parts.norm()
    assert whole.norm() == pytest.approx(size, rel=1e-12, abs=1e-300)
    assert (whole - parts).norm() <= 1e-7 * size


@given(families(min_tasks=2))
def test_the_gram_matrix_is_positive_and_permutes_with_the_tasks(
    tmp_path_factory: pytest.TempPathFactory, family: Family
) -> None:
    _, vectors = open_all(family, tmp_path_factory.mktemp("gram"))
    gram = gram_matrix(vectors)
    backwards = gram_matrix(vectors[::-1])
    np.testing.assert_allclose(backwards[::-1, ::-1], gram, rtol=1e-12, atol=1e-12 * np.abs(gram).max())
    assert np.linalg.eigvalsh(gram).min() >= -1e-9 * np.trace(gram)


@every_combination
def test_frozen_tensors_stay_as_they_are(tmp_path: Path, combine: Combine) -> None:
    family = make_family(["a", "b", "c"], seed=7)
    frozen = ("embed.weight", "layer.bias", "position_ids")
    for arrays in family.finetuned.values():
        for name in frozen:
            arrays[name] = family.base[name]  # type: ignore[index]
    _, vectors = open_all(family, tmp_path)
    found = written(combine(vectors), tmp_path / "out", 0.7)
    for name in frozen:
        assert found[name].tobytes() == family.base[name].tobytes()
    assert found["layer.weight"].tobytes() != family.base["layer.weight"].tobytes()


@every_combination
def test_the_same_command_writes_the_same_bytes(tmp_path: Path, combine: Combine) -> None:
    _, vectors = open_all(make_family(["a", "b"], seed=2), tmp_path)
    for out in ("one", "two"):
        combine(vectors).apply_to().save(tmp_path / out)
    one, two = ((tmp_path / out / "model.safetensors").read_bytes() for out in ("one", "two"))
    assert one == two


def test_what_is_taken_away_again_leaves_no_trace(tmp_path: Path) -> None:
    family = make_family(["a", "b"], seed=1)
    _, (a, b) = open_all(family, tmp_path)
    straight, detour = written(a, tmp_path / "x"), written(a + b - b, tmp_path / "y")
    assert oracles.bits(straight) == oracles.bits(detour)
