from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import oracles
from taskvec import Store, similarity
from taskvec.testing.families import Family


def test_it_is_that_of_the_dense_vectors(store: Store, family: Family) -> None:
    found = similarity(store)
    assert found.names == family.names
    oracles.assert_close(found.gram, oracles.gram(family), relative=1e-6, what="gram")
    oracles.assert_close(found.cosine, oracles.cosine(family), relative=1e-6, what="cosine")
    oracles.assert_close(found.norms, np.linalg.norm(oracles.matrix(family), axis=0), relative=1e-6, what="norms")
    assert not found.groups


def test_names_may_be_chosen_in_any_order(store: Store, family: Family) -> None:
    found = similarity(store, ["e", "a"])
    assert found.names == ("e", "a")
    oracles.assert_close(found.gram, oracles.gram(family, ["e", "a"]), relative=1e-6, what="gram")


def test_groups_are_the_tensors_and_add_up(store: Store, family: Family) -> None:
    found = similarity(store, per_group=True)
    assert set(found.groups) == set(oracles.combinable(family.base))
    oracles.assert_close(sum(g.gram for g in found.groups.values()), found.gram, relative=1e-12, what="sum of groups")
    v = np.column_stack([oracles.delta(family.base, family.finetuned[t])["layer.bias"] for t in family.names])
    oracles.assert_close(found.groups["layer.bias"].gram, v.T @ v, relative=1e-6, what="layer.bias")


def test_a_vector_beside_itself_is_like_itself_and_a_zero_vector_is_like_nothing(store: Store, tmp_path: Path) -> None:
    models = store.path.parent / "models"
    store.add({"again": models / "a", "none": models / "base"})
    cosine = similarity(store, ["a", "again", "none"]).cosine
    assert cosine[0, 1] == 1
    assert np.isnan(cosine[:, 2]).all()


def test_plain_data_are_what_the_command_prints(store: Store) -> None:
    data = similarity(store, ["a", "b"], per_group=True).to_json()
    assert json.loads(json.dumps({k: v for k, v in data.items() if k != "groups"})).keys() == {
        "names", "gram", "cosine", "norms",
    }  # fmt: skip
    assert data["norms"][0] ** 2 == pytest.approx(data["gram"][0][0])
