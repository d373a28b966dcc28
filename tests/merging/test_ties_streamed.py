"""TIES in expressions: from a store, from checkpoints and over a basis, against the definition on whole tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from ties_definition import merged

import oracles
from example_edits import edit_of_checkpoints
from taskvec import RunOptions, Store, TaskVector, compress, edit, open_checkpoint
from taskvec.errors import AlignmentError, CompositionError, ExpressionError, NonFiniteError
from taskvec.merging.merge import Merge
from taskvec.methods import ties
from taskvec.streaming.events import Event, PassStarted
from taskvec.streaming.units import BLOCK
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import Family, SavedFamily
from taskvec.vectors.alignment import Rule

Deltas = Mapping[str, np.ndarray]


def deltas(family: Family, name: str) -> dict[str, np.ndarray]:
    """τ as it is read: subtracted in float32, flat."""
    base, tuned = family.base, family.finetuned[name]
    names = oracles.combinable(base)
    return {n: (tuned[n].astype(np.float32) - base[n].astype(np.float32)).reshape(-1) for n in names}


def expected(family: Family, names: str, density: float) -> dict[str, np.ndarray]:
    rows = [deltas(family, name) for name in names]
    return {tensor: merged(np.stack([row[tensor] for row in rows]).astype(np.float64), density) for tensor in rows[0]}


def check(out: Path, family: Family, wanted: Deltas, scaling: float = 1.0) -> None:
    found = oracles.load(out)
    for name, array in family.base.items():
        if name in wanted:
            exact = array.astype(np.float64) + scaling * wanted[name].reshape(array.shape)
            oracles.assert_rounded_once(found[name], exact, 8.0, what=name)
        else:
            assert found[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("density", [0.01, 0.2, 0.5, 0.77, 1])
@pytest.mark.parametrize("names", ["a", "ab", "abcd", "dbca"])
def test_a_merge_from_a_store_is_the_definition(
    store: Store, family: Family, tmp_path: Path, names: str, density: float
) -> None:
    edit(store, f"base + 0.5*ties({', '.join(names)}, density={density})", tmp_path / "out")
    check(tmp_path / "out", family, expected(family, names, density), 0.5)


def test_a_merge_of_checkpoints_without_a_store_keeps_a_fifth_unless_told(
    saved: SavedFamily, family: Family, tmp_path: Path
) -> None:
    edit_of_checkpoints(saved.base, saved.finetuned, "base + ties(a, b, c)").save(tmp_path / "out")
    check(tmp_path / "out", family, expected(family, "abc", 0.2))


def test_a_merge_over_a_basis_is_that_of_the_recovered_vectors(store: Store, family: Family, tmp_path: Path) -> None:
    basis = compress(store, "two", num_atoms=2)
    result = edit(store, "base + ties(a, b, c, density=0.5)", tmp_path / "out", basis="two")
    rows: dict[str, list[np.ndarray]] = {}
    for name in "abc":
        edit(store, name, tmp_path / name, basis="two")
    weights = basis.decoder.astype(np.float32)
    for tensor in oracles.combinable(family.base):
        atoms = [oracles.load(atom.source.checkpoint.path)[tensor].reshape(-1) for atom in basis.atoms]
        parts = [[w * a.astype(np.float32) for w, a in zip(weights[:, t], atoms, strict=True)] for t in range(3)]
        rows[tensor] = [np.sum(part, axis=0, dtype=np.float32) for part in parts]
    check(tmp_path / "out", family, {n: merged(np.stack(r).astype(np.float64), 0.5) for n, r in rows.items()})
    assert result.certificate is not None
    assert result.certificate["relative_error"] is None
    assert set(result.certificate["task_errors"]) == set("abc")


def test_arguments_may_be_combinations_and_merges(store: Store, family: Family, tmp_path: Path) -> None:
    edit(store, "base + a - ties(2*b, ties(a, c, density=0.5), d - a, density=0.4)", tmp_path / "out")
    a, b, d = (deltas(family, name) for name in "abd")
    inner = expected(family, "ac", 0.5)
    wanted = {}
    for n in a:
        rows = np.stack([2 * b[n], inner[n].astype(np.float32), d[n] - a[n]]).astype(np.float64)
        wanted[n] = a[n] - merged(rows, 0.4)
    check(tmp_path / "out", family, wanted)


def test_a_coefficient_of_zero_leaves_the_base_and_reads_no_task(
    saved: SavedFamily, family: Family, tmp_path: Path
) -> None:
    passes: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted):
            passes.append(event.label)

    options = RunOptions(listener=listen)
    edit_of_checkpoints(saved.base, saved.finetuned, "base + 0*ties(a, b)", options=options).save(tmp_path / "out")
    assert oracles.bits(oracles.load(tmp_path / "out")) == oracles.bits(family.base)
    assert len(passes) == 1


def test_unchanged_models_merge_to_the_base(saved: SavedFamily, family: Family, tmp_path: Path) -> None:
    refs = {"a": saved.base, "b": saved.base}
    edit_of_checkpoints(saved.base, refs, "base + ties(a, b)").save(tmp_path / "out")
    assert oracles.bits(oracles.load(tmp_path / "out")) == oracles.bits(family.base)


def test_ties_in_magnitude_are_broken_by_index_across_pieces(tmp_path: Path) -> None:
    """Whole pieces of equal magnitudes: the last kept one lies in another piece for every density."""
    rng = np.random.default_rng(0)
    size = 2 * BLOCK + 4321
    base = {"w": np.zeros(size, ml_dtypes.bfloat16)}
    tuned = {t: {"w": rng.choice([-2, -1, -1, 0, 1], size).astype(ml_dtypes.bfloat16)} for t in "abc"}
    folder = save_folder(tmp_path / "base", base)
    vectors = {t: TaskVector(folder, save_folder(tmp_path / t, arrays)) for t, arrays in tuned.items()}
    rows = np.stack([arrays["w"].astype(np.float64) for arrays in tuned.values()])
    for density in (0.1, 0.3, 0.6, 0.79):
        found = Merge("ties", vectors, {"density": density}).vector.apply_to().read("w")
        wanted = ties(rows, density=density).astype(ml_dtypes.bfloat16).astype(np.float32)
        np.testing.assert_array_equal(found, wanted)


def test_any_range_of_a_merge_can_be_read(saved: SavedFamily) -> None:
    vectors = {name: TaskVector(saved.base, ref) for name, ref in saved.finetuned.items()}
    (form,) = Merge("ties", vectors, {"density": 0.4}).vector.terms
    whole = form.source.checkpoint.read("embed.weight").reshape(-1)
    part = np.empty(7, np.float32)
    form.source.checkpoint.read_into("embed.weight", 11, part)
    np.testing.assert_array_equal(part, whole[11:18])


def test_the_plan_tells_the_passes_before_the_first(saved: SavedFamily, tmp_path: Path) -> None:
    editing = edit_of_checkpoints(saved.base, saved.finetuned, "base + ties(a, b)")
    labels = [planned.label for planned in editing.plan(tmp_path / "out").passes]
    assert labels == ["count high bits of 2 vectors", "count low bits of 2 vectors", "combine 1 sources"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("ties(a, density=0)", "expected above 0 and at most 1"),
        ("ties(a, density=1.5)", "expected above 0 and at most 1"),
        ("ties(a, density=half)", "expected a number"),
        ("ties(a, lamda=1)", "takes no option 'lamda'.*did you mean 'lambda'"),
        ("ties(density=0.5)", "needs at least one argument"),
        ("ties(a, base)", "takes task vectors alone"),
        ("ties(a, b, a)", "each task vector once"),
    ],
)
def test_what_ties_cannot_take_is_refused_at_its_column(saved: SavedFamily, call: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=f"column 8: .*{message}"):
        edit_of_checkpoints(saved.base, saved.finetuned, f"base + {call}")


def test_no_task_and_a_wrong_density_are_refused(saved: SavedFamily) -> None:
    with pytest.raises(CompositionError, match="at least one task vector"):
        Merge("ties", {})
    with pytest.raises(CompositionError, match="density is 2"):
        Merge("ties", {"a": TaskVector(saved.base, saved.finetuned["a"])}, {"density": 2})


def test_atoms_cannot_stand_for_a_merge_of_some_tasks(store: Store, tmp_path: Path) -> None:
    compress(store, "two", num_atoms=2)
    with pytest.raises(ExpressionError, match="atoms stand for the sum of all tasks"):
        edit(store, "base + ties(a, b)", tmp_path / "out", basis="two", addition="atoms")


def test_infinity_is_refused_and_named(family: Family, saved: SavedFamily, tmp_path: Path) -> None:
    broken = dict(family.finetuned["b"])
    broken["layer.bias"] = np.where(np.arange(9) == 4, np.nan, broken["layer.bias"]).astype(np.float16)
    refs = {"a": saved.finetuned["a"], "b": save_folder(tmp_path / "broken", broken)}
    editing = edit_of_checkpoints(saved.base, refs, "base + ties(a, b)")
    with pytest.raises(NonFiniteError, match=r"tensor layer.bias of b .*holds NaN"):
        editing.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_integers_that_differ_are_refused_unless_allowed(family: Family, saved: SavedFamily, tmp_path: Path) -> None:
    other = {**family.finetuned["b"], "position_ids": family.base["position_ids"] + 1}
    refs = {"a": saved.finetuned["a"], "b": save_folder(tmp_path / "other", other)}
    with pytest.raises(AlignmentError, match="position_ids"):
        edit_of_checkpoints(saved.base, refs, "base + ties(a, b)").save(tmp_path / "out")
    allowed = edit_of_checkpoints(saved.base, refs, "base + ties(a, b)", allow=[Rule.INTEGERS])
    allowed.save(tmp_path / "out")
    check(tmp_path / "out", family, expected(family, "ab", 0.2))


def test_a_rule_that_an_input_needed_is_reported(family: Family, saved: SavedFamily, tmp_path: Path) -> None:
    lacking = {name: array for name, array in family.finetuned["b"].items() if name != "scale"}
    refs = {"a": saved.finetuned["a"], "b": save_folder(tmp_path / "lacking", lacking)}
    editing = edit_of_checkpoints(saved.base, refs, "base + ties(a, b)", allow=[Rule.MISSING])
    result = editing.save(tmp_path / "out")
    assert [(rule["rule"], rule["tensors"]) for rule in result.rules] == [("missing", ["scale"])]
    with open_checkpoint(tmp_path / "out") as out:
        assert '"rules_within"' in out.metadata["taskvec"]
