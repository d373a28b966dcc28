"""What scripts rely on: the keys of every command's JSON, and values that agree with numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_models import TASKS, Command, Models

COMBINABLE = ("embed.weight", "layer.weight", "layer.bias", "scale")
CERTIFICATE = {"relative_error", "task_errors", "sum_error", "optimal_error"}
BASIS = {"basis", "method", "num_atoms", "num_stored", "bytes", "original_bytes", "notes", *CERTIFICATE}
EDITED = {"out", "files", "tensors", "bytes"}
VECTOR = {"name", "norm", "num_params", "form", "bytes", "source"}


def deltas(models: Models, *names: str) -> np.ndarray:
    """V, one row a task."""
    return np.array([np.concatenate([models.delta(name, tensor).ravel() for tensor in COMBINABLE]) for name in names])


def test_init(models: Models, done: Command) -> None:
    made = done("store", "init", "store", "--base", "base", "--json").json
    assert made.keys() == {"store", "base"}
    assert made["store"] == str(models.folder / "store")
    assert made["base"].keys() == {"ref", "path", "fingerprint", "num_params", "bytes"}


@pytest.mark.parametrize("options", [[], ["--copy"]], ids=["linked", "copied"])
def test_add(models: Models, done: Command, options: list[str]) -> None:
    done("store", "init", "store", "--base", "base")
    (row,) = done("store", "add", "store", "law=law", *options, "--json").json["vectors"]
    assert row.keys() == VECTOR
    assert row["norm"] == pytest.approx(np.linalg.norm(deltas(models, "law")))
    assert Path(row["source"]).is_relative_to(models.folder / "store") == bool(options)
    assert done("store", "verify", "store", "--json").json == {"ok": True, "problems": []}


def test_list(models: Models, store: str, done: Command) -> None:
    done("compress", store, "--basis", "b", "--atoms", "2")
    listing = done("store", "list", store, "--json").json
    assert listing.keys() == {"base", "vectors", "bases"}
    assert [row["name"] for row in listing["vectors"]] == list(TASKS)
    assert all(row.keys() == VECTOR for row in listing["vectors"])
    norms = [row["norm"] for row in listing["vectors"]]
    np.testing.assert_allclose(norms, np.linalg.norm(deltas(models, *TASKS), axis=1), rtol=1e-6)
    (basis,) = listing["bases"]
    assert basis.keys() == {"name", "method", "num_atoms", "tasks", "relative_error", "bytes"}
    assert (basis["name"], basis["num_atoms"], basis["tasks"]) == ("b", 2, list(TASKS))


def test_show(models: Models, store: str, done: Command) -> None:
    detail = done("store", "show", store, "law", "--json").json
    assert detail.keys() == VECTOR | {"ref", "fingerprint", "num_tensors", "files", "rules"}
    assert (detail["ref"], detail["source"]) == ("law", str(models.folder / "law"))
    assert all(Path(file).is_file() for file in detail["files"])


def test_remove(store: str, done: Command) -> None:
    assert done("store", "remove", store, "law", "--json").json == {"removed": "law", "bases": []}
    names = [row["name"] for row in done("store", "list", store, "--json").json["vectors"]]
    assert names == [task for task in TASKS if task != "law"]


def test_verify_fails_when_a_source_has_changed(models: Models, store: str, run: Command) -> None:
    models.save("math", models.tasks["code"])
    answer = run("store", "verify", store, "--json")
    assert answer.status == 1
    assert answer.json.keys() == {"ok", "problems"}
    assert answer.json["ok"] is False
    (problem,) = answer.json["problems"]
    assert "math" in problem
    assert answer.stderr == f"error: {problem}\n"


def test_similarity(models: Models, store: str, done: Command) -> None:
    names = ["toxic", "code", "math"]
    result = done("similarity", store, *names, "--json").json
    assert result.keys() == {"names", "gram", "cosine", "norms"}
    assert result["names"] == names
    vectors = deltas(models, *names)
    np.testing.assert_allclose(result["gram"], vectors @ vectors.T, rtol=1e-6)
    np.testing.assert_allclose(result["cosine"], cosines(vectors), rtol=1e-6)
    np.testing.assert_allclose(result["norms"], np.linalg.norm(vectors, axis=1), rtol=1e-6)


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def test_similarity_by_tensor(store: str, done: Command) -> None:
    result = done("similarity", store, "--per-group", "--json").json
    assert result.keys() == {"names", "gram", "cosine", "norms", "groups"}
    assert set(result["groups"]) == set(COMBINABLE)
    total = np.sum([group["gram"] for group in result["groups"].values()], axis=0)
    np.testing.assert_allclose(total, result["gram"])


def test_an_undefined_cosine_is_null(models: Models, store: str, done: Command) -> None:
    done("store", "add", store, "nothing=base")
    result = done("similarity", store, "nothing", "math", "--json").json
    assert result["norms"][0] == 0
    assert result["cosine"][0] == [None, None]


@pytest.mark.parametrize("size", [["--atoms", "2"], ["--max-error", "0.6"]], ids=["atoms", "max-error"])
def test_compress(models: Models, store: str, done: Command, size: list[str]) -> None:
    result = done("compress", store, "--basis", "b", *size, "--method", "spectral", "--json").json
    assert result.keys() == BASIS
    assert result["task_errors"].keys() == set(TASKS)
    values = np.linalg.svd(deltas(models, *TASKS), compute_uv=False) ** 2
    optimum = np.sqrt(values[result["num_atoms"] :].sum() / values.sum())
    assert result["optimal_error"] == pytest.approx(optimum, rel=1e-5)
    assert result["optimal_error"] <= result["relative_error"] * (1 + 1e-9) < 0.6
    assert result["original_bytes"] > result["bytes"] > 0


def test_compress_some_tasks_in_another_dtype(store: str, done: Command) -> None:
    words = ("compress", store, "--atoms", "2", "--tasks", "law,math, code", "--json")
    exact = done(*words, "--basis", "exact", "--dtype", "f32").json
    rounded = done(*words, "--basis", "rounded", "--dtype", "bf16").json
    assert list(rounded["task_errors"]) == ["law", "math", "code"]
    assert rounded["relative_error"] > exact["relative_error"]
    assert rounded["optimal_error"] == exact["optimal_error"]


def test_edit_over_a_store(models: Models, store: str, done: Command) -> None:
    result = done("edit", store, "base + 0.5*(math + code) - 0.25*toxic", "-o", "out", "--json").json
    assert result.keys() == EDITED
    assert result["out"] == str(models.folder / "out")
    assert result["tensors"] == {"edited": 4, "copied": 1}
    assert set(result["files"]) == {path.name for path in Path("out").iterdir()}
    written = load_file("out/model.safetensors")
    assert written.keys() == models.base.keys()
    for tensor in COMBINABLE:
        added = 0.5 * (models.delta("math", tensor) + models.delta("code", tensor)) - 0.25 * models.delta(
            "toxic", tensor
        )
        np.testing.assert_allclose(written[tensor], models.base[tensor] + added, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(written["positions"], models.base["positions"])


def test_edit_over_a_basis(store: str, done: Command) -> None:
    done("compress", store, "--basis", "b", "--atoms", "2")
    result = done("edit", store, "base + 0.5*(math + code)", "-o", "out", "--basis", "b", "--json").json
    assert result.keys() == EDITED | {"certificate"}
    assert result["certificate"]["relative_error"] > 0


def test_edit_without_a_store_writes_the_same_bytes(models: Models, store: str, done: Command) -> None:
    expression = "base + 0.5*(math + code)"
    done("edit", store, expression, "-o", "stored", "--dtype", "bf16", "--out-shard-size", "300")
    words = ("edit", "--base", "base", "--vector", "math=math", "--vector", "code=code", expression)
    result = done(*words, "-o", "out", "--dtype", "bf16", "--out-shard-size", "300B", "--json").json
    assert result.keys() == EDITED
    shards = sorted(Path("out").glob("*.safetensors"))
    assert len(shards) > 1
    for shard in shards:
        ours, theirs = (load_raw(folder / shard.name) for folder in (Path("out"), Path("stored")))
        assert ours == theirs


def load_raw(path: Path) -> bytes:
    """Return the data of a safetensors file, without its header."""
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_edit_writes_a_task_vector_where_there_is_no_base(models: Models, store: str, done: Command) -> None:
    done("edit", store, "-o", "out", "--", "-2*math")
    written = load_file("out/model.safetensors")
    assert written.keys() == set(COMBINABLE)
    np.testing.assert_allclose(written["layer.weight"], -2 * models.delta("math", "layer.weight"), rtol=1e-6)


def test_a_rule_is_recorded_in_the_output(models: Models, done: Command) -> None:
    models.save("extended", {**models.tasks["math"], "head": np.ones(3, np.float32)})
    words = ("edit", "--base", "base", "--vector", "m=extended", "base + m", "-o", "out", "--allow", "extra", "--json")
    assert done(*words).json["rules"] == [{"rule": "extra", "source": "extended", "tensors": ["head"]}]


def test_inspect_one(models: Models, done: Command) -> None:
    result = done("inspect", "law", "--json").json
    keys = {"ref", "path", "num_tensors", "num_params", "bytes", "dtypes", "tensors", "tied", "files", "metadata"}
    assert result.keys() == keys
    assert result["dtypes"] == {"F32": 4, "I64": 1}
    shapes = {row["name"]: tuple(row["shape"]) for row in result["tensors"]}
    assert shapes == {name: array.shape for name, array in models.tasks["law"].items()}
    assert result["num_params"] == sum(array.size for array in models.base.values())


def test_inspect_two(models: Models, done: Command) -> None:
    other = {
        **models.base,
        "layer.bias": np.zeros(9, np.float32),
        "scale": np.float16(1).reshape(()),
        "new": np.ones(1),
    }
    del other["embed.weight"]
    models.save("other", other)
    result = done("inspect", "base", "other", "--json").json
    assert result == {
        "first": "base",
        "second": "other",
        "same": False,
        "only_in_first": ["embed.weight"],
        "only_in_second": ["new"],
        "shapes": [{"name": "layer.bias", "first": [8], "second": [9]}],
        "dtypes": [{"name": "scale", "first": "F32", "second": "F16"}],
    }
    assert done("inspect", "base", "law", "--json").json["same"] is True


def test_tied_names_are_names(models: Models, done: Command) -> None:
    models.save("tied", models.base, metadata={"head": "embed.weight"})
    models.save("separate", {**models.base, "head": models.base["embed.weight"]})
    assert done("inspect", "tied", "--json").json["tied"] == {"head": "embed.weight"}
    assert done("inspect", "tied", "separate", "--json").json["same"] is True
    assert done("inspect", "tied", "base", "--json").json["only_in_first"] == ["head"]


PLAN = {"passes", "allowed_bytes", "projected_bytes", "output_bytes", "free_disk_bytes"}


@pytest.mark.parametrize(
    ("words", "num_passes"),
    [
        (["store", "init", "new", "--base", "base"], 1),
        (["store", "add", "store", "again=math"], 1),
        (["store", "verify", "store"], 5),
        (["similarity", "store"], 0),
        (["compress", "store", "--basis", "b", "--atoms", "2"], 1),
        (["decompose", "store", "--rank", "2"], 2),
        (["edit", "store", "base + math", "-o", "out"], 1),
        (["edit", "--base", "base", "--vector", "m=math", "base + m", "-o", "out"], 1),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else None,
)
def test_a_dry_run_plans_and_writes_nothing(
    models: Models, store: str, done: Command, words: list[str], num_passes: int
) -> None:
    before = sorted(models.folder.rglob("*"))
    result = done(*words, "--dry-run", "--json", "--memory", "2GiB", "-j", "1").json
    assert result.keys() == {"plan"}
    assert result["plan"].keys() == PLAN
    assert result["plan"]["allowed_bytes"] == 2 << 30
    assert len(result["plan"]["passes"]) == num_passes
    assert sorted(models.folder.rglob("*")) == before
    assert "memory: at most" in done(*words, "--dry-run").stdout


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_number_of_threads_is_the_one_asked_for(models: Models, done: Command, threads: str) -> None:
    large = {"weight": np.zeros(2_100_000, np.float16)}  # more than a thread does in one go
    models.save("large", large)
    words = ("edit", "--base", "large", "--vector", "m=large", "base + m", "-o", "out", "--dry-run", "--json")
    (planned,) = done(*words, "-j", threads).json["plan"]["passes"]
    assert planned["workers"] == int(threads)
