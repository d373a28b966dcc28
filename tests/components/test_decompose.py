"""Decompositions in a store: parts against dense projections, laws, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from planted import orthonormal
from taskvec import Edited, OutputOptions, RunOptions, Store, TaskVector, compress, edit, similarity
from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.local_files import use_files
from taskvec.components import request as request_of_components
from taskvec.components.decompose import decompose, decomposing, load_decomposition
from taskvec.components.request import Request
from taskvec.components.splitting import split_job
from taskvec.errors import DecompositionError, MemoryLimitError, NonFiniteError, OutputError, StoreError
from taskvec.linalg.subspaces import SUBSPACE_METHODS
from taskvec.store.garbage import collect_garbage
from taskvec.streaming import Plan, plan_pass, plan_steps
from taskvec.streaming.events import BytesDone, Event, Resumed
from taskvec.streaming.work import Task
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import SavedFamily, make_family
from taskvec.testing.files import FaultyFiles
from taskvec.types import DType
from taskvec.vectors.matrix import MatrixReader

MATRICES = ("layer.0.weight", "layer.1.kernel", "layer.2.weight")


def _dense(vector: TaskVector, folder: Path) -> dict[str, NDArray[np.float32]]:
    Edited(vector, None).save(folder, OutputOptions(dtype=DType.F32))
    with open_checkpoint(folder) as checkpoint:
        return {name: checkpoint.read(name) for name in checkpoint.tensors}


def _deltas(store: Store, folder: Path) -> dict[str, dict[str, NDArray[np.float64]]]:
    return {
        name: {k: v.astype(np.float64) for k, v in _dense(store[name], folder / name).items()} for name in store.names
    }


def _planned(store: Store, **wanted: Any) -> Plan:
    return plan_steps(decomposing(store, **wanted), store.options)


def _dense_projector(deltas: list[NDArray[np.float64]], rank: int, threshold: float) -> NDArray[np.float64]:
    projectors = []
    for delta in deltas:
        left = np.linalg.svd(delta.reshape(len(delta), -1))[0][:, :rank]
        projectors.append(left @ left.T)
    values, vectors = np.linalg.eigh(sum(projectors) / len(projectors))
    kept = vectors[:, values > threshold]
    return kept @ kept.T


def test_shared_is_the_projection_on_the_dense_shared_subspace(store: Store, tmp_path: Path) -> None:
    found = decompose(store, rank=8, threshold=0.7)
    deltas, shared = _deltas(store, tmp_path), _dense(store["b.shared"], tmp_path / "shared")
    for tensor in MATRICES:
        projector = _dense_projector([deltas[name][tensor] for name in "abc"], 8, 0.7)
        delta = deltas["b"][tensor]
        expected = (projector @ delta.reshape(len(delta), -1)).reshape(delta.shape)
        assert np.linalg.norm(expected) > 0.1
        np.testing.assert_allclose(shared[tensor], expected, atol=2e-6)
    for tensor in ("bias", "scale"):
        np.testing.assert_array_equal(shared[tensor], 0)
    assert found.shared_dimensions > 3


@pytest.mark.parametrize("side", ["left", "right", "both"])
@pytest.mark.parametrize("subspace", SUBSPACE_METHODS)
def test_parts_are_orthogonal_and_add_up(store: Store, side: str, subspace: str, tmp_path: Path) -> None:
    decompose(store, rank=8, side=side, subspace=subspace, threshold=0.4)
    gram = similarity(store, ["a", "a.shared", "a.unique"]).gram
    assert gram[1, 1] > 0.01 * gram[0, 0]
    assert abs(gram[1, 2]) < 1e-6 * gram[0, 0]
    assert gram[1, 1] + gram[2, 2] == pytest.approx(gram[0, 0], rel=1e-6)
    whole, shared, unique = (_dense(store[f"a{part}"], tmp_path / f"a{part}") for part in ("", ".shared", ".unique"))
    for tensor, delta in whole.items():
        total = shared[tensor] + unique[tensor]
        ulp = np.spacing(np.maximum(np.abs(shared[tensor]), np.abs(delta)))
        assert (np.abs(total - delta) <= ulp).all()


def test_the_unique_part_is_the_same_as_one_form_and_as_two(store: Store, tmp_path: Path) -> None:
    decompose(store, rank=8)
    one = TaskVector.from_terms(store.base, {store.form(store.documents.vector("c.unique")): 1.0})
    two = store["c.unique"]
    assert len(two.terms) == 2
    left, right = _dense(one, tmp_path / "one"), _dense(two, tmp_path / "two")
    for name, values in left.items():
        np.testing.assert_array_equal(values, right[name])


@pytest.mark.parametrize(("search", "largest"), [(0, 32 * 24**2), (10**6, 10**6)])
def test_a_matrix_takes_its_copies_factors_bases_and_the_larger_of_search_and_meeting(
    store: Store, monkeypatch: pytest.MonkeyPatch, search: int, largest: int
) -> None:
    """48 × 32 in float32, rank 8, three tasks, left spaces: 24 directions meet in 48 dimensions."""
    monkeypatch.setattr(request_of_components, "search_bytes", lambda *_: search)
    request = Request.of(store, rank=8)
    (matrix,) = [tensor for tensor in request.matrices if tensor.name == "layer.0.weight"]
    base = copy = 4 * 48 * 32
    factors, bases = 2 * 8 * (48 + 32) * 8, 3 * 8 * 3 * 8 * 48
    found = request.splitting.unit_bytes(matrix)
    assert found == base + copy + factors + bases + largest + 3 * request_of_components.WIDENED_BYTES
    controlled = Request.of(store, rank=8, control="random").splitting.unit_bytes(matrix)
    assert controlled == found + copy


def test_norms_in_the_report_are_those_of_the_parts(store: Store) -> None:
    report = decompose(store, energy=0.6).to_json()
    for name in store.names:
        said = report["tasks"][name]
        assert said["shared_norm"] == pytest.approx(store[f"{name}.shared"].norm(), rel=1e-5)
        assert said["shared_energy"] == pytest.approx((said["shared_norm"] / said["norm"]) ** 2, rel=1e-6)
        assert said["norm"] ** 2 == pytest.approx(said["shared_norm"] ** 2 + said["unique_norm"] ** 2, rel=1e-6)
        assert said["unique_norm"] == pytest.approx(store[f"{name}.unique"].norm(), rel=1e-5)
        assert store.documents.vector(f"{name}.shared").norm == pytest.approx(said["shared_norm"])
    matrix = report["groups"][0]
    assert (matrix["name"], matrix["shape"]) == ("layer.0.weight", [48, 32])
    assert len(matrix["angles"]) == matrix["shared_rank"] > 0


def test_parts_are_vectors_everywhere(store: Store, tmp_path: Path) -> None:
    found = decompose(store, rank=8)
    assert store.names_and_parts == ("a", "b", "c", *(f"{n}.{p}" for n in "abc" for p in ("shared", "unique")))
    out = edit(store, "base + 0.5*a - 0.5*a.shared", tmp_path / "one").out
    same = edit(store, "base + 0.5*a.unique", tmp_path / "two").out
    with open_checkpoint(out) as left, open_checkpoint(same) as right:
        for name in left.tensors:
            np.testing.assert_array_equal(left.read(name), right.read(name))
    basis = compress(store, "own", num_atoms=2, tasks=["a.unique", "b.unique", "c.unique"])
    assert 0 < basis.certificate.relative_error < 1
    assert edit(store, "base + b.unique", tmp_path / "three", basis="own").certificate is not None
    mean = (found.shared("a") + found.shared("b") + found.shared("c")) / 3
    assert (found.consensus() - mean).norm() < 1e-6 * mean.norm()


def test_the_order_of_tasks_does_not_matter(store: Store, tmp_path: Path) -> None:
    decompose(store, rank=8, tasks=["a", "b", "c"])
    one = _dense(store["b.shared"], tmp_path / "one")
    decompose(store, rank=8, tasks=["c", "a", "b"])
    for name, values in _dense(store["b.shared"], tmp_path / "two").items():
        np.testing.assert_allclose(values, one[name], atol=1e-5)


def test_equal_task_vectors_have_no_unique_part_and_that_is_said(family: SavedFamily, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = {"w": rng.standard_normal((40, 40)).astype(np.float32), "x": np.ones((40, 40), np.float32)}
    low = (orthonormal(rng, 40, 6) @ orthonormal(rng, 40, 6).T).astype(np.float32)
    tuned = {"w": base["w"] + low, "x": base["x"]}
    store = Store.init(tmp_path / "store", save_folder(tmp_path / "base", base))
    store.add({"one": save_folder(tmp_path / "one", tuned), "two": save_folder(tmp_path / "two", tuned)})
    found = decompose(store, rank=6)
    assert store["one.unique"].norm() < 1e-5 * store["one"].norm()
    assert any("one and two are the same task vector" in note for note in found.notes)
    assert any("zero deltas in 1 of 2 matrices" in note for note in found.notes)
    assert not any("no shared dimension" in note for note in found.notes)


def test_groups_share_more_than_all(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    space = orthonormal(rng, 64, 20)
    base = {"w": rng.standard_normal((64, 50)).astype(np.float32)}
    store = Store.init(tmp_path / "store", save_folder(tmp_path / "base", base))
    for i, name in enumerate("abcd"):
        columns = np.concatenate(
            [space[:, :2], space[:, 2:5] if name in "ab" else space[:, 5:6], space[:, 6 + 3 * i : 9 + 3 * i]], 1
        )
        delta = columns @ orthonormal(rng, 50, columns.shape[1]).T
        store.add({name: save_folder(tmp_path / name, {"w": base["w"] + delta.astype(np.float32)})})
    alone = decompose(store, energy=0.999).to_json()
    grouped = decompose(store, energy=0.999, groups={"pair": ["a", "b"]})
    (matrix,) = grouped.to_json()["groups"]
    assert matrix["shared_rank"] == alone["groups"][0]["shared_rank"] == 2
    assert matrix["within"]["pair"]["shared_rank"] == 3
    assert grouped.shared_energy["a"] == pytest.approx(5, rel=1e-4)
    assert grouped.shared_energy["c"] == pytest.approx(2, rel=1e-4)
    gram = similarity(store, ["a", "a.shared", "a.unique"]).gram
    assert gram[1, 1] == pytest.approx(5, rel=1e-4)
    assert abs(gram[1, 2]) < 1e-5


@pytest.mark.parametrize("control", ["random", "sum"])
def test_controls_take_out_as_many_directions(store: Store, control: str) -> None:
    found = decompose(store, rank=8)
    ranks = [matrix["shared_rank"] for matrix in found.to_json()["groups"]]
    shared = found.shared_energy["a"]
    stand_in = decompose(store, rank=8, control=control)
    assert [matrix["shared_rank"] for matrix in stand_in.to_json()["groups"]] == ranks
    assert stand_in.shared_energy["a"] != pytest.approx(shared, rel=1e-3)
    assert (stand_in.shared_energy["a"] < shared) == (control == "random")


def test_vectors_are_split_when_asked(store: Store) -> None:
    assert decompose(store, rank=8).store["a.shared"].norm() > 0
    names = [matrix["name"] for matrix in decompose(store, rank=8, one_dimensional=True).to_json()["groups"]]
    assert sorted(names) == ["bias", *MATRICES]


def test_shares_by_layer_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    layout = {f"layer.{i}.w": np.empty((20, 20), np.float32) for i in (10, 2, 1)}
    family = make_family(["a", "b", "c"], layout=layout, shared=0.8).save(tmp_path / "family")
    store = Store.init(tmp_path / "store", family.base)
    store.add(family.finetuned)
    found = decompose(store, rank=4)
    layers, shares = found.shared_energy_by_layer()
    assert layers == ("layer.1", "layer.2", "layer.10")
    rows = {matrix["name"]: matrix["shared_energy"] for matrix in found.to_json()["groups"]}
    np.testing.assert_allclose(shares, [list(rows[f"{layer}.w"].values()) for layer in layers])
    assert shares.max() > 0.1


def test_nothing_shared_is_a_valid_answer_and_the_cause_is_said(tmp_path: Path) -> None:
    layout = {"w": np.empty((60, 60), np.float32), "v": np.empty((60, 60), np.float32)}
    family = make_family(["a", "b", "c"], layout=layout, shared=0.0).save(tmp_path / "family")
    store = Store.init(tmp_path / "store", family.base)
    store.add(family.finetuned)
    found = decompose(store, rank=6)
    assert found.shared_dimensions == 0
    assert store["a.shared"].norm() == 0
    assert store["a.unique"].norm() == pytest.approx(store["a"].norm())
    unique = similarity(store, ["a.unique", "b.unique"]).gram
    np.testing.assert_allclose(unique, similarity(store, ["a", "b"]).gram, rtol=1e-9)
    assert any("no shared dimension in 2 of 2 matrices: the tasks have no more in common" in n for n in found.notes)
    chain = decompose(store, rank=6, subspace="chain", threshold=0.85)
    assert any("tightens with every task: try --subspace mean" in note for note in chain.notes)
    assert not list((store.path / "objects").iterdir())


def test_the_same_request_costs_nothing_and_another_takes_its_place(store: Store) -> None:
    decompose(store, rank=8)
    assert _planned(store, rank=8).passes == ()
    (before,) = (store.path / "decompositions").iterdir()
    first = store.documents.vector("a.shared").identity
    assert decompose(store, rank=8).to_json()["bytes"] > 0
    assert list((store.path / "decompositions").iterdir()) == [before]
    assert _planned(store, rank=7).passes[0].read_bytes > 0
    decompose(store, rank=7)
    (after,) = (store.path / "decompositions").iterdir()
    assert after.name > before.name
    assert store.documents.vector("a.shared").identity != first
    assert len(collect_garbage(store.documents).paths) == 1
    assert store.verify() == []
    assert store["a.shared"].norm() > 0


def test_products_of_parts_outlive_the_collection_of_garbage(store: Store) -> None:
    decompose(store, rank=8)
    store.gram(["a.shared", "b.unique"])
    assert collect_garbage(store.documents).paths == ()
    assert plan_steps(store.gramming(["a.shared", "b.unique"]), store.options).passes == ()


def test_a_decomposition_of_some_tasks_leaves_the_others(store: Store) -> None:
    decompose(store, rank=8)
    decompose(store, rank=8, tasks=["a", "b"])
    assert load_decomposition(store, ["a", "b"]).tasks == ("a", "b")
    assert load_decomposition(store, ["c"]).tasks == ("a", "b", "c")
    with pytest.raises(DecompositionError, match="a, c were not split together"):
        load_decomposition(store, ["a", "c"])


def test_a_renamed_vector_keeps_its_parts_and_a_removed_one_loses_them(store: Store) -> None:
    decompose(store, rank=8)
    norm = store["a.shared"].norm()
    store.documents.rename_vector("a", "z")
    assert store["z.shared"].norm() == norm
    store.remove("b")
    assert "b.shared" not in store.names_and_parts
    with pytest.raises(StoreError, match="no task vector 'b'"):
        store["b.shared"]


def test_a_vector_that_was_not_split_has_no_parts(store: Store) -> None:
    with pytest.raises(StoreError, match=r"'a' .* has no shared part: split it"):
        store["a.shared"]
    decompose(store, rank=8)
    with pytest.raises(StoreError, match="no part 'common'"):
        store["a.common"]


def test_damaged_factors_are_noticed(store: Store) -> None:
    decompose(store, rank=8)
    path = next((store.path / "objects").rglob("matrix_*.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert any("decomposition" in problem for problem in store.verify())
    with pytest.raises(StoreError, match="changed"):
        store["a.shared"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "--rank R or --energy E"),
        ({"rank": 4, "energy": 0.5}, "one of them"),
        ({"rank": 48}, "full rank of every matrix"),
        ({"energy": 1.0}, "full rank"),
        ({"rank": 4, "tasks": ["a"]}, "at least two"),
        ({"rank": 4, "tasks": ["a", "a"]}, "at least two"),
        ({"rank": 4, "threshold": 1.2}, "out of range"),
        ({"rank": 4, "threshold": 0.3}, "out of range"),
        ({"rank": 4, "side": "top"}, "unknown side 'top': use one of left, right, both"),
        ({"rank": 4, "side": "lft"}, r"unknown side 'lft' \(did you mean 'left'\?\): use one of left, right, both"),
        ({"rank": 4, "control": "none"}, "random, sum"),
        ({"rank": 4, "subspace": "median"}, "chain, mean, palindrome"),
        ({"rank": 4, "groups": {"g": ["a", "x"]}}, "'x' is not among"),
        ({"rank": 4, "groups": {"g": ["a", "b"]}, "control": "sum"}, "leave the groups out"),
    ],
)
def test_what_cannot_be_done_is_refused_before_reading(store: Store, wanted: dict[str, object], said: str) -> None:
    with pytest.raises(DecompositionError, match=said):
        _planned(store, **wanted)


def test_a_rank_that_fills_some_matrices_leaves_these_out(store: Store) -> None:
    found = decompose(store, rank=30)
    reasons = {matrix["name"]: matrix["left_out"] for matrix in found.to_json()["groups"]}
    assert "fill the space" in reasons["layer.2.weight"]
    assert any("of 3 matrices are unique as a whole" in note for note in found.notes)
    assert store["a.shared"].norm() >= 0


def test_values_that_are_not_finite_are_named(tmp_path: Path) -> None:
    layout = {"w": np.zeros((20, 20), np.float32)}
    broken = {"w": np.full((20, 20), np.nan, np.float32)}
    other = Store.init(tmp_path / "other", save_folder(tmp_path / "b", layout))
    with pytest.raises(NonFiniteError):
        other.add({"x": save_folder(tmp_path / "x", broken), "y": save_folder(tmp_path / "y", layout)})


def test_the_plan_counts_what_is_read_and_refuses_too_little_memory(store: Store) -> None:
    planned, hashed = _planned(store, rank=8).passes
    elements = {"layer.0.weight": 48 * 32 * 4, "layer.1.kernel": 40 * 40 * 2, "layer.2.weight": 30 * 50 * 2}
    assert planned.read_bytes == sum(elements.values()) * (1 + 2 * 3)
    assert planned.units == 3
    assert (hashed.label, hashed.read_bytes) == ("hash what 3 task vectors share", planned.written_bytes)
    small = Store(store.path, replace(store.options, memory=1 << 20))
    with pytest.raises(MemoryLimitError, match=r"tensor layer\.\S+ .* raise --memory"):
        _planned(small, rank=8)


@pytest.mark.parametrize("side", ["left", "right", "both"])
@pytest.mark.parametrize("rule", [{"rank": 6}, {"energy": 0.5}])
def test_the_plan_bounds_what_is_written(store: Store, rule: dict[str, float], side: str) -> None:
    wanted = {**rule, "side": side, "threshold": 0.55, "groups": {"pair": ["a", "b"]}}
    plan = _planned(store, **wanted)
    found = decompose(store, **wanted)
    factors = found.document.factors
    assert factors is not None
    assert 0 < factors.nbytes <= plan.output_bytes == plan.passes[0].written_bytes


def test_an_upper_bound_of_factors_is_no_reason_to_refuse(store: Store) -> None:
    with use_files(FaultyFiles(free=1000)):
        plan = _planned(store, energy=0.5)
        assert plan.output_bytes > 1000 == plan.free_disk_bytes
        with pytest.raises(OutputError, match="free"):
            _planned(store, rank=6)
        events: list[Event] = []
        with pytest.raises(OutputError, match="free"):
            decompose(Store(store.path, replace(store.options, listener=events.append)), rank=6)
        assert not events
        assert not list((store.path / "objects").iterdir())


def test_a_matrix_alone_gets_all_threads(store: Store) -> None:
    options, job = RunOptions(workers=8), split_job(Request.of(store, rank=6), store.path)
    planned = plan_pass(job.label, job.tensors, job.kernel, options)
    for at_once, threads in ((1, 8), (3, 2), (8, 1)):
        assert Task.of(job, replace(planned, workers=at_once), options).threads == threads


def test_deltas_are_the_same_in_any_pieces(store: Store) -> None:
    request = Request.of(store, rank=8)
    for tensor in request.matrices:
        whole = MatrixReader(tensor, request.splitting.centered).delta(1)
        assert MatrixReader(tensor, request.splitting.centered, chunk=100).delta(1).tobytes() == whole.tobytes()


def _objects(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store.path / "objects").rglob("*") if path.is_file()}


def test_the_same_bits_for_any_workers_and_executor(family: SavedFamily, tmp_path: Path) -> None:
    results = []
    for i, options in enumerate([RunOptions(workers=1), RunOptions(workers=3), RunOptions(executor="serial")]):
        Store.init(tmp_path / str(i), family.base).add(family.finetuned)
        store = Store(tmp_path / str(i), options)
        decompose(store, rank=8, side="both", threshold=0.5)
        results.append(_objects(store))
    assert len(results[0]) == 4
    assert results[0] == results[1] == results[2]


def test_a_killed_run_is_taken_up_and_gives_the_same_bits(store: Store, family: SavedFamily, tmp_path: Path) -> None:
    events: list[Event] = []
    done: list[Event] = []

    def stop(event: Event) -> None:
        if isinstance(event, BytesDone):
            done.append(event)
        if len(done) == 2:  # of the second matrix; the first is noted
            raise KeyboardInterrupt

    halting = Store(store.path, replace(store.options, listener=stop, executor="serial"))
    with pytest.raises(KeyboardInterrupt):
        decompose(halting, rank=8)
    assert store.documents.part_names() == ()
    going = Store(store.path, replace(store.options, listener=events.append))
    decompose(going, rank=8)
    (resumed,) = [event for event in events if isinstance(event, Resumed)]
    assert resumed.count == 48 * 32 * 4 * 7
    Store.init(tmp_path / "fresh", family.base).add(family.finetuned)
    fresh = Store(tmp_path / "fresh")
    decompose(fresh, rank=8)
    assert _objects(fresh) == _objects(store)
