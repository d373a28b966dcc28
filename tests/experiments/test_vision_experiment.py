"""The whole of experiment 1 on a toy: tiny matrices in place of a transformer, distances in place of accuracies."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.cached import Kept
from experiments.publishing import page
from experiments.setting import Setting
from experiments.vision.analogies import collect, reach
from experiments.vision.directions import BASES, LARGE_RATE_NAMES, BasisOf, Direction, merges, over_bases, sharing
from experiments.vision.findings import Findings, at_control
from experiments.vision.laboratory import Bench, Group, Laboratory
from experiments.vision.measuring import KINDS, measure_all
from experiments.vision.plan import FAST, LARGE_RATE, LEARNING_RATE, Plan
from experiments.vision.reporting import report
from experiments.vision.tables import merge_names

from taskvec.evaluation import SimpleTask
from taskvec.results import Result
from taskvec.testing.checkpoints import save_folder

NAMES = ("latin", "greek", "cyrillic", "latin_negative")
SHAPE = (16, 24)
PLAN = Plan(
    num_tasks=4,
    seeds=(0, 1),
    atoms=(0.25, 0.5),
    rank=3,
    targets=2,
    bases=("spectral", "random", "pca"),
    variants=("spectral, int8",),
)
ADDITIONS = ("recovered", "atoms")
MEASURED = {1: PLAN.bases, 2: (*PLAN.bases, *PLAN.variants)}
"""M → bases."""


class Toy(torch.nn.Module):
    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.one, self.two = (torch.nn.Parameter(torch.from_numpy(weights[name].copy())) for name in ("one", "two"))


def load(folder: Path) -> Toy:
    from safetensors.numpy import load_file

    return Toy(load_file(next(folder.glob("*.safetensors"))))


def task(name: str, goal: dict[str, np.ndarray]) -> SimpleTask:
    def accuracy(model: torch.nn.Module) -> dict[str, float]:
        far = sum(float(np.square(w.detach().numpy() - goal[n]).sum()) for n, w in model.named_parameters())
        return {"accuracy": 1 / (1 + far)}

    return SimpleTask(name, accuracy, accuracy)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("toys")


def laboratory(
    folder: Path, said: list[str], names: tuple[str, ...] = NAMES
) -> tuple[Laboratory, list[Group], list[Group]]:
    rng = np.random.default_rng(0)
    base = {name: rng.normal(size=SHAPE).astype(np.float32) for name in ("one", "two")}
    common = {name: rng.normal(size=(SHAPE[0], 2)) @ rng.normal(size=(2, SHAPE[1])) for name in base}
    goals = {t: {n: base[n] + 0.03 * (common[n] + rng.normal(size=SHAPE)) for n in base} for t in NAMES}
    if not (folder / "base").exists():
        save_folder(folder / "base", base)
        for rate in (LEARNING_RATE, LARGE_RATE):
            for seed in PLAN.seeds:
                for t in NAMES:
                    noise = {n: 0.002 * rng.normal(size=SHAPE) for n in base}
                    tuned = {n: (goals[t][n] + noise[n]).astype(np.float32) for n in base}
                    save_folder(folder / f"{t}-{rate:g}-{seed}", tuned)

    def groups(rate: float, seeds: tuple[int, ...]) -> list[Group]:
        return [Group(rate, seed, {t: folder / f"{t}-{rate:g}-{seed}" for t in names}) for seed in seeds]

    tasks = {t: task(t, goals[t]) for t in names}
    lab = Laboratory(
        PLAN,
        folder / "base",
        load(folder / "base"),
        tasks,
        dict.fromkeys(names, "head"),
        Kept(folder / "kept"),
        load,
        said.append,
    )
    return lab, groups(LEARNING_RATE, PLAN.seeds), groups(LARGE_RATE, PLAN.seeds)


@pytest.fixture(scope="module")
def result(toys: Path) -> tuple[Result, Findings]:
    said: list[str] = []
    setting = Setting(toys / "cache", toys / "out", say=said.append)
    lab, groups, large = laboratory(toys, said)
    before = {name: value.clone() for name, value in lab.model.state_dict().items()}
    found = Findings(PLAN, lab.of_checkpoint(lab.base, lab.names), dict.fromkeys(lab.names, 0.1))
    for group in (*groups, *large):
        rows = {name: lab.of_checkpoint(folder, lab.names) for name, folder in group.folders.items()}
        found.cross.setdefault(group.learning_rate, []).append(rows)
    measure_all(setting, lab, found, groups, large)
    assert all(torch.equal(value, before[name]) for name, value in lab.model.state_dict().items())
    for script in ("greek", "cyrillic"):
        for group in groups:
            goal = lab.tasks[script]
            collect(found.analogies.setdefault(script, {}), reach(lab, group, goal, script))
    return report(found, setting), found


def test_every_method_is_measured_for_every_seed(result: tuple[Result, Findings]) -> None:
    _, found = result
    bases = {f"{name}, {what}, M = {m}" for m, names in MEASURED.items() for name in names for what in ADDITIONS}
    ties = {"TIES over the recovered vectors, M = 2", "TIES on the atoms, M = 2"}
    assert set(found.added[LEARNING_RATE]) == bases | ties | set(merge_names(found))
    assert {len(records) for records in found.added[LEARNING_RATE].values()} == {2}
    assert set(found.added[LARGE_RATE]) == set(LARGE_RATE_NAMES)
    assert set(found.negated) == set(KINDS)
    assert all(set(targets) == {"latin", "greek"} for targets in found.negated.values())


def test_addition_helps_and_negation_hurts_its_target(result: tuple[Result, Findings]) -> None:
    _, found = result
    base = sum(found.base.values()) / 4
    assert min(found.means(LEARNING_RATE, "task arithmetic")) > base + 0.1
    for target, records in found.negated["whole"].items():
        first, *_, last = records[0]["curve"]
        assert last["target"] < 0.9 * first["target"], target


def test_random_directions_add_nothing(result: tuple[Result, Findings]) -> None:
    _, found = result
    gain = found.gains(LEARNING_RATE, "random, recovered, M = 2", "spectral, recovered, M = 2")
    assert max(gain) < -0.05


def test_a_vector_recovered_from_more_atoms_is_nearer_to_its_own_fine_tune(
    toys: Path, result: tuple[Result, Findings]
) -> None:
    _, found = result
    assert set(found.recovered) == set(found.bases)
    (own, *_), base = found.own(LEARNING_RATE), found.base
    alone = {m: found.recovered["pca", m]["alone"] for m in (1, 2)}
    assert sum(base.values()) < sum(alone[1].values()) < sum(alone[2].values()) < sum(own.values())
    nothing = found.recovered["random", 2]
    for moved in (nothing["alone"], nothing["negated"]):
        assert moved == pytest.approx(base, abs=0.02)
    lab, (group, *_), _ = laboratory(toys, [])
    left = Bench(lab, group).recovered(BasisOf("pca", 2), "latin", 0.5)["negated"]
    assert left["latin"] < base["latin"] - 0.02


def test_the_result_renders_and_every_figure_in_words_comes_from_it(result: tuple[Result, Findings]) -> None:
    made, found = result
    assert made.seeds == (0, 1)
    text = page(made)
    mean = 100 * sum(found.means(LEARNING_RATE, "task arithmetic")) / 2
    assert f"has {mean:.1f} ±" in made.answer
    for title in (
        "Addition from a basis",
        "TIES over a basis",
        "What is shared, rank 3",
        "Script × style by analogy",
        "Vectors recovered from a basis, one by one",
        "Cross-accuracy",
    ):
        assert title in text
    assert Result.model_validate_json(made.model_dump_json()) == made


def test_a_second_run_measures_nothing(
    toys: Path, result: tuple[Result, Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("measured again")

    said: list[str] = []
    lab, groups, large = laboratory(toys, said)
    monkeypatch.setattr("experiments.vision.directions.Workshop.values", forbidden)
    monkeypatch.setattr("experiments.vision.directions.decompose", forbidden)
    found = Findings(PLAN, result[1].base, result[1].pixels, dict(result[1].cross))
    measure_all(Setting(toys, say=said.append), lab, found, groups, large)
    assert (found.added, found.recovered) == (result[1].added, result[1].recovered)


def test_what_decides_a_number_decides_its_key(toys: Path) -> None:
    lab, groups, _ = laboratory(toys, [])
    keys: list[str] = []

    class Noting(Kept):
        def value(self, name: str, compute: object, **deciding: object) -> None:
            keys.append(repr(deciding))

    plans = (PLAN, dataclasses.replace(PLAN, validation=7))
    for plan, group in itertools.product(plans, groups):
        bench = Bench(dataclasses.replace(lab, plan=plan, kept=Noting(toys)), group)
        for direction in (Direction("a", "latin"), Direction("a", "greek"), Direction("a", "latin", seeded=True)):
            bench.added(direction)
            bench.negated("greek", "whole", direction)
        for basis, target in itertools.product((BasisOf("random", 2), BasisOf("pca", 1)), ("latin", "greek")):
            bench.recovered(basis, target, 0.5)
    assert len(set(keys)) == len(keys) == 40


def test_the_catalogue_has_what_the_experiment_promises() -> None:
    names = ["a", "b", "c", "d"]
    assert {d.name for d in merges(names, 3)} == {"task arithmetic", "TIES", "DARE", "AWD", "TSV-Merge", "Iso-C"}
    assert {d.split for d in sharing(names)} == {"shared", "random", "top"}
    directions = list(over_bases(names, Plan()))
    assert {d.basis.name for d in directions if d.basis} == set(BASES)
    assert {d.addition for d in directions} == {"recovered", "atoms"}
    assert len({d.label for d in directions}) == len(directions)
    assert len(Plan().seeds) >= 3
    assert set(FAST.bases) <= set(BASES)


def test_curves_are_read_between_their_points() -> None:
    curve = [{"target": 0.8, "control": 1.0}, {"target": 0.4, "control": 0.9}, {"target": 0.2, "control": 0.5}]
    assert at_control([{"curve": curve}], 0.95) == [pytest.approx(0.75)]
    assert at_control([{"curve": curve}], 0.7) == [pytest.approx(0.375)]
    assert at_control([{"curve": curve}], 0.5) == [pytest.approx(0.25)]
    assert at_control([{"curve": curve}], 0.1) == [None]
