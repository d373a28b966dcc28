"""The repository's experiment on toy pictures: everything is measured and told, and a second run only reads."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import product, starmap

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("sklearn")
pytest.importorskip("PIL")
pytest.importorskip("resvg_py")

from demo.splits import Sizes
from experiments.cached import Kept
from experiments.publishing import page
from experiments.repository import alike, drawing, explore, learning, newcomers, telling
from experiments.repository.pictures import Labelled, Source, small_grey
from experiments.repository.scale import Scale
from experiments.repository.tasks import FIELDS, KINDS, REPOSITORY, RepositoryTask
from experiments.setting import Setting
from sklearn.metrics import adjusted_rand_score

from taskvec.training import Recipe

SOURCES = ("mnist", "latin", "animals", "badges")
TASKS = tuple(starmap(RepositoryTask, product(SOURCES, KINDS[:2] + KINDS[-1:])))
TOY = Scale(
    tasks=TASKS,
    pictures=Sizes(1, 1, 1),
    base=Recipe(steps=1, learning_rate=1e-3),
    task=Recipe(steps=1, learning_rate=1e-3),
    sizes=(6, 12),
    judged=(2, 4),
    division=(5, 1),
    num_atoms=(2, 3),
)


def source(name: str, seed: int, count: int = 24, classes: int = 4) -> Source:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = rng.standard_normal((count, 28, 28)).astype(np.float32)
    images[np.arange(count), labels] += 3.0
    found = Labelled(images, labels.astype(np.int64))
    return Source(name, classes, found, found, f"{name}-toy")


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    setting = Setting(folder, folder / "out", seeds=(0,), say=lambda line: None)
    sources = {name: source(name, seed) for seed, name in enumerate(SOURCES)}
    kept = Kept(folder / "cache")
    return setting, kept, sources, explore(setting, kept, sources, TOY)


def test_everything_is_told(explored) -> None:
    setting, _, _, found = explored
    result = telling.tell(found, setting, TOY)
    growth, accuracies, families, served = result.tables
    assert [row[0] for row in growth.rows] == ["6", "12"]
    assert [row[0] for row in accuracies.rows] == ["none: the base", "2 atoms", "4 atoms", "the fine-tunes"]
    assert [row[0] for row in families.rows] == ["source", "field", "kind", "look"]
    assert [row[0] for row in served.rows] == ["2 atoms", "3 atoms", "2 random atoms"]
    assert result.matrices[0].rows == SOURCES
    assert "nan" not in page(result)
    assert [each.name for each in result.inputs] == ["base", *sorted(f"{task.name}, seed 0" for task in TOY.tasks)]
    assert len({each.fingerprint for each in result.inputs}) == len(result.inputs)
    assert result.commands == ("make experiment-repository",)
    fast = telling.tell(found, replace(setting, is_fast=True), TOY)
    assert fast.commands == ("FAST=1 make experiment-repository",)


def growing(found, errors, orthogonal):
    """The findings with other errors from half as many atoms, at every T, and those of orthogonal vectors."""
    grown = deepcopy(found.growth)
    for seed in grown:
        for each, error in zip(seed, errors, strict=True):
            each["bases"][1]["error"] = error
            each["orthogonal"] = [orthogonal] * len(each["orthogonal"])
    return replace(found, growth=grown)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ((0.66, 0.62), "have little in common, and more of them help little"),
        ((0.3, 0.2), "have much in common, and more of them help little"),
    ],
)
def test_what_is_said_of_growth_follows_the_errors(explored, errors, said) -> None:
    setting, _, _, found = explored
    scale = replace(TOY, sizes=(3, *TOY.sizes))
    three = growing(replace(found, growth=[[seed[0], *seed] for seed in found.growth]), (0.9, *errors), 0.67)
    assert said in telling.tell(three, setting, scale).answer
    helped = growing(three, (0.9, 0.9, errors[1]), 0.67)
    assert "and more of them help." in telling.tell(helped, setting, scale).answer


def test_errors_are_those_that_an_eigendecomposition_gives(explored) -> None:
    _, _, _, found = explored
    for grown in found.growth[0]:
        for written in grown["bases"]:
            assert written["error"] == pytest.approx(grown["errors"][written["num_atoms"] - 1], abs=1e-5)


def test_orthogonal_vectors_are_the_worst(explored) -> None:
    _, _, _, found = explored
    for grown in found.growth[0]:
        assert np.all(np.array(grown["errors"]) <= np.array(grown["orthogonal"]) + 1e-6)


def test_cosines_are_drawn(explored, tmp_path) -> None:
    _, _, _, found = explored
    drawing.save_map(found, tmp_path / "images" / "map.png")
    assert (tmp_path / "images" / "map.png").read_bytes().startswith(b"\x89PNG")


def test_random_atoms_serve_nobody(explored) -> None:
    _, _, _, found = explored
    for served in found.served[0]:
        known = [served.error[name] for name in served.division.known]
        members = [served.error[name] for name in served.division.members]
        assert (min(known) > 0.99) == (served.asked.method == "random")
        assert np.mean(members) <= np.mean(known) + 1e-3


def test_a_second_run_only_reads(explored, monkeypatch) -> None:
    setting, kept, sources, found = explored
    monkeypatch.setattr(learning, "fine_tune", lambda *_, **__: pytest.fail("trained again"))
    monkeypatch.setattr(alike, "measure", lambda *_, **__: pytest.fail("compared again"))
    assert explore(setting, kept, sources, TOY) == found


def test_every_source_is_left_out_once() -> None:
    sources = {task.name: task.source for task in REPOSITORY}
    found = newcomers.divide(sources, seed=0)
    foreign = [name for division in found for name in division.foreign]
    assert sorted(foreign) == sorted(sources)
    for division in found:
        assert (len(division.members), len(division.known), len(division.foreign)) == (40, 20, 20)
        left_out = {sources[name] for name in division.foreign}
        assert not left_out & {sources[name] for name in (*division.members, *division.known)}
        assert not set(division.members) & set(division.known)


def test_families_that_are_there_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((4, 60))
    labels = np.repeat(np.arange(4), 6)
    vectors = centres[labels] + 0.5 * rng.standard_normal((24, 60))
    families = {"true": [str(label) for label in labels], "dealt": [str(label) for label in np.arange(24) % 4]}
    found = alike.measure(vectors @ vectors.T, families, seed=0)["partitions"]
    assert found["true"]["cut"] == found["true"]["neighbour"] == pytest.approx(1.0)
    assert found["true"]["chance"] < 0.3
    assert found["dealt"]["cut"] < found["dealt"]["chance"]
    assert found["true"]["within"] > 0.5 > found["true"]["between"]


@pytest.mark.parametrize("seed", range(5))
def test_the_index_is_that_of_a_well_kept_library(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 5, 40), rng.integers(0, 3, 40)
    second[:20] = first[:20]
    assert alike.adjusted_rand_index(first, second) == pytest.approx(adjusted_rand_score(first, second))
    assert alike.adjusted_rand_index(first, (first + 2) % 5) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_labels_of_a_task_have_no_gap(kind) -> None:
    task = RepositoryTask("mnist", kind)
    for part in ("train", "test"):
        found = task.pictures(source("mnist", 0), part, seed=1)
        assert set(found.labels.tolist()) == set(range(int(found.labels.max()) + 1))
        assert found.images.dtype == np.float32
        assert found.images.shape == (len(found), 28, 28)


def test_halves_are_the_same_in_every_part_and_share_nothing() -> None:
    first, second = (RepositoryTask("mnist", kind) for kind in KINDS[:2])
    whole = source("mnist", 0)
    halves = [task.pictures(whole, "train", seed=1).images for task in (first, second)]
    assert len({image.tobytes() for half in halves for image in half}) == sum(map(len, halves)) == len(whole.train)


def test_small_pictures_are_means() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 56, 56, 3), dtype=np.uint8)
    assert small_grey(images)[1, 3, 5] == round(float(images[1, 6:8, 10:12].mean()))


def test_there_are_eighty_tasks_of_eight_sources() -> None:
    assert len({task.name for task in REPOSITORY}) == len(REPOSITORY) == 80
    assert {task.source for task in REPOSITORY} == set(FIELDS)
