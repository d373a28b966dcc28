"""The numbers on a store's page are those of its vectors, checked on dense float64 arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from example_stores import make_store, make_whole_store, task_names
from taskvec.linalg.spectrum import Spectrum
from taskvec.reports.page import Figure, Numbers, Section
from taskvec.reports.store.alike import alike
from taskvec.reports.store.atoms import atoms, steps, task_errors
from taskvec.reports.store.dials import panel_data
from taskvec.reports.store.facts import StoreFacts, gather
from taskvec.reports.store.places import kind_of, places
from taskvec.reports.store.shared import shared
from taskvec.results import Table


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> StoreFacts:
    return gather(make_whole_store(tmp_path_factory.mktemp("store")))


def tables(section: Section) -> dict[str, Table]:
    return {block.table.title: block.table for block in section.blocks if isinstance(block, Numbers)}


@given(st.integers(2, 9), st.integers(0, 99))
def test_the_error_of_each_task_is_that_of_the_best_space(count: int, seed: int) -> None:
    dense = np.random.default_rng(seed).normal(size=(30, count)) + 0.2
    gram = dense.T @ dense
    errors = task_errors(gram, Spectrum.of(gram))
    left = np.linalg.svd(dense, full_matrices=False)[0]
    for num_atoms in range(1, count + 1):
        basis = left[:, :num_atoms]
        lost = np.linalg.norm(dense - basis @ (basis.T @ dense), axis=0) / np.linalg.norm(dense, axis=0)
        np.testing.assert_allclose(errors[num_atoms - 1], lost, atol=1e-6)


@given(st.integers(1, 500))
def test_steps_rise_from_one_to_all(count: int) -> None:
    found = steps(count)
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (1, count)
    assert len(found) <= 40


def test_shares_of_a_column_add_up_to_one(facts: StoreFacts) -> None:
    figures = [block for block in places(facts).blocks if isinstance(block, Figure)]
    assert len(figures) == 2
    for figure in figures:
        rows = figure.chart.spec["data"]["values"]
        np.testing.assert_allclose(np.sum([row["value"] for row in rows], axis=0), 1.0, atol=1e-3)
    assert kind_of("model.layers.12.mlp.weight") == "model.layers.*.mlp.weight"


def test_the_panel_holds_what_certificates_are_made_of(facts: StoreFacts) -> None:
    data = panel_data(facts)
    lower = data["gram"]
    full = np.array([[lower[max(i, j)][min(i, j)] for j in range(8)] for i in range(8)])
    assert np.array_equal(full, facts.gram)
    half = next(basis for basis in data["bases"] if basis["name"] == "half")
    assert [task["vector"] for task in half["tasks"]] == list(range(8))
    some = next(basis for basis in data["bases"] if basis["name"] == "some")
    assert [facts.names[task["vector"]] for task in some["tasks"]] == [task["name"] for task in some["tasks"]]


def test_bases_are_listed_with_their_certificates(facts: StoreFacts) -> None:
    table = tables(atoms(facts))["Bases and their certificates"]
    errors = {row[0]: row[4] for row in table.rows}
    assert errors == {b.name: pytest.approx(b.certificate.relative_error, abs=1e-5) for b in facts.bases}


def test_near_duplicates_are_named(tmp_path: Path) -> None:
    store = make_store(tmp_path, 3)
    assert "Near-duplicates" not in tables(alike(gather(store)))
    store.add({"again": tmp_path / task_names(3)[1]})
    near = tables(alike(gather(store)))["Near-duplicates"]
    assert [{row[0], row[1]} for row in near.rows] == [{"again", task_names(3)[1]}]
    assert near.rows[0][3] == pytest.approx(0.0, abs=1e-6)


def test_what_was_decomposed_is_shown(facts: StoreFacts) -> None:
    section = shared(facts)
    titles = [block.chart.title for block in section.blocks if isinstance(block, Figure)]
    assert titles[0] == "Shared energy by layer"
    for name, own, unique, share in tables(section)["Shared and unique components"].rows:
        norm = facts.store.documents.vector(name).norm
        assert own**2 + unique**2 == pytest.approx(norm**2)
        assert share == pytest.approx(own**2 / norm**2)
