"""A verb is its steps: a plan names the passes that a run goes through, in that order, and what each reads and writes.

Inner products that no store knows yet are among the steps; where a number of atoms follows from them, a plan is for the
most that there can be.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import COMMANDS, TASKS, make_models

from taskvec import Basis, RunOptions, Store, compress
from taskvec.bases.compress import compressing
from taskvec.bases.sharing import export_basis, exporting, import_basis, importing
from taskvec.store.founding import founding
from taskvec.streaming import Plan, Steps, plan_steps
from taskvec.streaming.events import Event, PassStarted
from taskvec.types import DType

IN_STEPS = (
    "similarity",
    "store add",
    "compress",
    "basis add",
    "edit of a sum",
    "edit by angles",
    "edit to a task vector",
    "decompose",
    "attribute",
    "extract-lora",
)
"""How the names of commands begin that are written as steps."""

READ_ALONE = ("compress adapters", "decompose", "extract-lora")
"""How the names of those begin whose passes say what they read alone, for what they write is not known before."""

Passes = list[tuple[str, int]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models") / "models")


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    return shutil.copytree(models, tmp_path / "models")


class Watched(Store):
    """A store that keeps what its passes said when they began."""

    def __init__(self, path: Path) -> None:
        self.events: list[Event] = []
        super().__init__(path, RunOptions(listener=self.events.append, workers=1))

    def started(self) -> Passes:
        return [(event.label, event.total_bytes) for event in self.events if isinstance(event, PassStarted)]


def planned(plan: object) -> Passes:
    assert isinstance(plan, Plan)
    return [(each.label, each.read_bytes + each.written_bytes) for each in plan.passes]


def forget_products(store: Store) -> None:
    for file in (store.path / "gram").iterdir():
        file.unlink()


@pytest.mark.parametrize("kind", [name for name in COMMANDS if name.startswith(IN_STEPS)])
@pytest.mark.parametrize("knows_products", [True, False])
def test_a_plan_names_the_passes_of_a_run(kind: str, folder: Path, *, knows_products: bool) -> None:
    store = Watched(folder / "store")
    command = COMMANDS[kind](store, folder)
    if not knows_products:
        forget_products(store)
    store.events.clear()
    before = sorted(store.path.rglob("*"))
    plan = planned(command.plan())
    assert not store.started()
    assert sorted(store.path.rglob("*")) == before
    command.work()
    if kind.startswith(READ_ALONE):
        labels = [label for label, _ in store.started() if not label.startswith("combine")]  # whole tensors, one by one
        if kind == "decompose adapters":  # these share nothing, so nothing is hashed
            assert plan.pop()[0].startswith("hash")
        assert [label for label, _ in plan] == labels
    elif not (kind == "compress each tensor" and not knows_products):  # how many atoms there are is not known yet
        assert plan == store.started()


def test_verifying_and_founding_are_planned_by_their_own_steps(folder: Path) -> None:
    store = Watched(folder / "store")
    plan = planned(plan_steps(store.verifying(), store.options))
    store.events.clear()
    assert store.verify() == []
    assert plan == store.started()
    assert len(plan) == 1 + len(store.names) + 3
    plan = planned(plan_steps(founding(folder / "new", folder / "base", store.options), store.options))
    assert not (folder / "new").exists()
    store.events.clear()
    Store.init(folder / "new", folder / "base", store.options)
    assert plan == store.started() == [(f"hash {folder / 'base'}", plan[0][1])]


def test_what_a_damaged_source_is_does_not_stop_a_plan(folder: Path) -> None:
    store = Watched(folder / "store")
    atom = store.path / Basis.load(store, "pair").document.atoms[0].path
    atom.write_bytes(atom.read_bytes()[:-4])
    problems = store.verify()
    assert len(problems) == 1
    assert "basis 'pair'" in problems[0]
    assert len(plan_steps(store.verifying(), store.options).passes) == len(store.names) + 3


def test_sharing_is_planned_by_its_own_steps(folder: Path) -> None:
    store = Watched(folder / "store")
    basis, out = Basis.load(store, "two"), folder / "shared"

    def check(steps: Steps[Any]) -> Passes:
        plan = plan_steps(steps, store.options)
        assert plan.output_bytes == sum(state.size for atom in basis.document.atoms for state in atom.files)
        assert plan.free_disk_bytes is not None
        store.events.clear()
        return planned(plan)

    plan = check(exporting(basis, out))
    assert not out.exists()
    export_basis(basis, out)
    assert plan == store.started()
    assert [label.split()[0] for label, _ in plan] == ["hash", "hash", "copy", "copy"]  # its atoms were touched
    plan = check(importing(store, out, "taken"))
    import_basis(store, out, "taken")
    assert plan == store.started()
    assert [label.split()[0] for label, _ in plan] == ["hash", "copy"] * 2


@pytest.mark.parametrize("wanted", [{}, {"group": "tensor"}, {"dtype": DType.I8}, {"worst_task": True}])
def test_a_plan_without_products_is_for_no_fewer_atoms(folder: Path, wanted: dict[str, Any]) -> None:
    store = Watched(folder / "store")
    forget_products(store)
    asked: Any = {"max_error": 0.6, "tasks": TASKS, **wanted}
    plan = planned(plan_steps(compressing(store, "new", **asked), store.options))
    compress(store, "new", **asked)
    started = store.started()
    assert plan[0] == started[0]
    assert [label.split()[0] for label, _ in plan[:2]] == ["inner", "write"]
    assert len(plan) >= len(started)
    assert all(most >= count for (_, most), (_, count) in zip(plan, started, strict=False))
    assert plan[1][0] == f"write {len(TASKS) - 1} atoms of {len(TASKS)} task vectors"
