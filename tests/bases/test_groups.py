"""How tensors are divided, and what users are told about their vectors."""

from __future__ import annotations

import numpy as np
import pytest

from taskvec.bases.notes import duplicates, notes
from taskvec.linalg.certificate import Certificate
from taskvec.linalg.groups import Grouping, make_groups

NAMES = ["embeddings.cls_token", "embeddings.position", "encoder.layer.0.mlp.weight", "encoder.layer.0.norm.bias"]
NAMES += ["encoder.layer.10.mlp.weight", "norm.weight", "scale", "3.weight"]


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        ("model", ["model"] * 8),
        ("tensor", NAMES),
        (
            "layer",
            ["embeddings"] * 2 + ["encoder.layer.0"] * 2 + ["encoder.layer.10", "norm", "scale", "3"],
        ),
    ],
)
def test_each_tensor_has_its_group(grouping: str, expected: list[str]) -> None:
    assert [Grouping(grouping).group_of(name) for name in NAMES] == expected


def test_groups_add_up_to_the_model() -> None:
    per_tensor = np.random.default_rng(0).standard_normal((8, 3, 3))
    groups = make_groups(Grouping.LAYER, NAMES, per_tensor, range(8))
    assert [group.name for group in groups] == [
        "embeddings",
        "encoder.layer.0",
        "encoder.layer.10",
        "norm",
        "scale",
        "3",
    ]
    assert sum(group.num_bytes for group in groups) == sum(range(8))
    np.testing.assert_allclose(sum(group.gram for group in groups), per_tensor.sum(axis=0))
    assert groups[1].tensors == ("encoder.layer.0.mlp.weight", "encoder.layer.0.norm.bias")
    np.testing.assert_array_equal(groups[1].gram, per_tensor[2] + per_tensor[3])


def gram_of(*columns: list[float]) -> np.ndarray:
    v = np.array(columns).T
    return v.T @ v


def test_equal_vectors_are_named() -> None:
    gram = gram_of([1, 2, 3], [1, 2, 3], [1, 2, 3.001], [0, 1, 0], [0, 1, 0], [1, 2, 3])
    assert duplicates("abcdef", gram) == [("a", "b", "f"), ("d", "e")]


def test_equal_vectors_are_named_where_others_never_met() -> None:
    gram = gram_of([1.0, 2, 3], [1, 2, 3], [1, 0, 3], [0, 0, 0])
    gram[0, 2] = gram[2, 0] = np.nan
    unknown, *said = notes(certificate(gram, 2))
    assert "never met" in unknown
    assert said == ["a and b are the same task vector", "d is zero: its fine-tuned model equals the base"]


def certificate(gram: np.ndarray, num_atoms: int) -> Certificate:
    return Certificate(tuple("abcd"), num_atoms, gram, np.diag([0.0, 0.0, 0.0, 1.0]))


def test_a_flat_spectrum_is_said_plainly() -> None:
    (sentence,) = notes(certificate(np.eye(4), 2))
    assert "spectrum is flat" in sentence
    assert "d keeps an error of 1" in sentence


def test_one_common_direction_needs_no_warning() -> None:
    assert notes(certificate(np.full((4, 4), 0.9) + 0.1 * np.diag([1, 2, 3, 4]), 2)) == ()


def test_zero_and_equal_vectors_are_said() -> None:
    said = notes(certificate(gram_of([1, 0], [1, 0], [0, 1], [0, 0]), 2))
    assert said == ("a and b are the same task vector", "d is zero: its fine-tuned model equals the base")
