"""Bases on the command line: methods, groups, collections, and their way to other stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import TASKS, Command, Models

from taskvec.linalg.encoders import METHODS


def compressed(done: Command, *words: str) -> dict[str, object]:
    result: dict[str, object] = done("compress", "store", "--basis", "b", *words, "--json").json
    return result


def test_methods_are_listed_with_their_options(run: Command, done: Command) -> None:
    rows = {row["name"]: row for row in done("methods", "--json").json["methods"]}
    assert list(rows) == list(METHODS)
    assert rows["autoencoder"]["options"]["steps"] == 6000
    assert "2502.01015" in rows["pca"]["paper"]
    assert "tau=5.0" in run("methods").stdout


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("method", METHODS)
def test_every_method_makes_a_basis(done: Command, method: str) -> None:
    options = ["--option", "steps=50"] if method == "autoencoder" else []
    result = compressed(done, "--atoms", "2", "--method", method, *options, "--seed", "3")
    assert (result["method"], result["num_atoms"]) == (method, 2)
    assert result["num_stored"] == 2 + (method == "pca")
    assert ("2 atoms and a mean:" in done("basis", "show", "store", "b").stdout) == (method == "pca")
    done("edit", "store", "base + 0.5*(math + code)", "--basis", "b", "-o", "out")


@pytest.mark.usefixtures("store")
def test_groups_int8_and_normalization_are_options(done: Command) -> None:
    result = compressed(
        done, "--max-error", "0.6", "--worst-task", "--group", "tensor", "--dtype", "int8", "--normalize"
    )
    assert set(result["groups"]) == {"embed.weight", "layer.weight", "layer.bias", "scale"}  # type: ignore[call-overload]
    assert max(result["task_errors"].values()) <= 0.6  # type: ignore[attr-defined]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "spectrl"], "did you mean 'spectral'"),
        (["--option", "steps=5"], "method spectral has no option 'steps'"),
        (["--group", "block"], "unknown group 'block'"),
        (["--method", "autoencoder", "--option", "tau=hot"], "option tau of method autoencoder"),
    ],
)
def test_mistakes_are_one_line(run: Command, words: list[str], message: str) -> None:
    answer = run("compress", "store", "--basis", "b", "--atoms", "2", *words)
    assert answer.status == 1
    assert answer.stderr.startswith("error: ")
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.usefixtures("store")
def test_a_flat_spectrum_is_said_to_people_and_in_the_data(run: Command, done: Command) -> None:
    (note,) = compressed(done, "--atoms", "1")["notes"]  # type: ignore[misc]
    assert "spectrum is flat" in note
    told = run("compress", "store", "--basis", "again", "--atoms", "1")
    assert told.stderr == f"note: {note}\n"
    assert not run("compress", "store", "--basis", "hush", "--atoms", "1", "-q").stderr


@pytest.mark.usefixtures("store")
def test_a_basis_lives(run: Command, done: Command) -> None:
    before = compressed(done, "--atoms", "2", "--tasks", "code,law,math")
    assert done("basis", "add", "store", "b", "toxic", "--dry-run", "--json").json["plan"]["passes"]
    after = done("basis", "add", "store", "b", "toxic", "--refit-past", "0.01", "--json").json
    assert "refit the basis" in after["advice"]
    assert {task: after["task_errors"][task] for task in before["task_errors"]} == pytest.approx(before["task_errors"])  # type: ignore[attr-defined]
    assert "toxic" in run("basis", "show", "store", "b").stdout or after["task_errors"]["toxic"] > 0
    assert done("basis", "remove", "store", "b", "law", "--json").json["task_errors"].keys() == {
        "code",
        "math",
        "toxic",
    }
    refitted = done("basis", "add", "store", "b", "law", "--refit", "--json").json
    assert refitted["advice"] is None
    assert refitted["relative_error"] == pytest.approx(refitted["optimal_error"], rel=1e-3)
    assert done("store", "remove", "store", "law", "--json").json == {"removed": "law", "bases": ["b"]}
    done("edit", "store", "base + law", "--basis", "b", "-o", "out")


@pytest.mark.usefixtures("store")
def test_tasks_join_together(done: Command, run: Command) -> None:
    short = compressed(done, "--atoms", "1", "--fit-on", "math, code", "--seed", "3")
    done("compress", "store", "--basis", "c", "--atoms", "1", "--tasks", "math,code")
    assert len(done("basis", "add", "store", "c", "law", "toxic", "--dry-run", "--json").json["plan"]["passes"]) == 1
    long = done("basis", "add", "store", "c", "law", "toxic", "--json").json
    assert list(long["task_errors"]) == ["math", "code", "law", "toxic"]
    assert {**long, "basis": "b"} == {**short, "advice": long["advice"], "notes": long["notes"]}
    assert "drew nothing at random" in " ".join(short["notes"])  # type: ignore[arg-type]
    counted = done("compress", "store", "--basis", "d", "--atoms", "1", "--fit-on", "2", "--json").json
    assert list(counted["task_errors"]) == ["code", "math", "law", "toxic"]
    assert "2 of 4 task vectors" not in run("compress", "store", "--basis", "e", "--atoms", "1", "--fit-on", "3").stderr
    refused = run("compress", "store", "--basis", "f", "--atoms", "1", "--fit-on", "4")
    assert (refused.status, refused.stderr.count("\n")) == (1, 1)
    assert "cannot be fitted on 4 of 4 task vectors: use 2 to 3" in refused.stderr
    wrong = run("compress", "store", "--basis", "f", "--atoms", "1", "--fit-on", "math,,code")
    assert (wrong.status, "--fit-on" in wrong.stderr) == (2, True)


@pytest.mark.usefixtures("store")
def test_the_curve_of_some_tasks_takes_no_product_of_others(done: Command) -> None:
    for path in Path("store/gram").iterdir():
        path.unlink()
    compressed(done, "--atoms", "1", "--fit-on", "math,code,law", "--plot", "error.svg")
    assert ">the 3 fitted tasks, least possible<" in Path("error.svg").read_text(encoding="utf-8")
    assert Path("error-coefficients.svg").exists()
    assert done("basis", "show", "store", "b", "--json").json["sum_error"] is None
    done("similarity", "store")
    assert done("basis", "show", "store", "b", "--json").json["sum_error"] > 0


@pytest.mark.usefixtures("store")
def test_names_change_and_garbage_goes(done: Command) -> None:
    compressed(done, "--atoms", "2")
    assert done("store", "gc", "store", "--json").json == {"removed": [], "bytes": 0}
    renamed = done("store", "rename", "store", "b", "c", "--json").json
    assert renamed == {"renamed": "b", "to": "c", "bases": []}
    renamed = done("store", "rename", "store", "math", "sums", "--json").json
    assert renamed == {"renamed": "math", "to": "sums", "bases": ["c"]}
    listing = done("store", "list", "store", "--json").json
    assert [row["name"] for row in listing["bases"]] == ["c"]
    assert {row["name"] for row in listing["vectors"]} == {*TASKS, "sums"} - {"math"}
    done("edit", "store", "base + sums", "--basis", "c", "-o", "out")
    assert done("store", "rename", "store", "sums", "math").stdout == "sums is now math, in c too\n"
    done("store", "remove", "store", "c")
    assert done("store", "gc", "store", "--json").json["bytes"] > 0


@pytest.mark.usefixtures("store")
def test_a_basis_travels(models: Models, done: Command, run: Command) -> None:
    errors = compressed(done, "--atoms", "2")["task_errors"]
    files = done("basis", "export", "store", "b", "-o", "shared", "--json").json["files"]
    assert files == ["README.md", "atom_000.safetensors", "atom_001.safetensors", "basis.json"]
    done("store", "init", "other", "--base", "base")
    assert done("basis", "import", "other", "shared", "--basis", "mine", "--json").json["task_errors"] == errors
    models.save("stranger", {name: array + array.dtype.type(1) for name, array in models.base.items()})
    done("store", "init", "wrong", "--base", "stranger")
    refused = run("basis", "import", "wrong", "shared")
    assert (refused.status, refused.stderr.count("\n")) == (1, 1)
    assert "another base" in refused.stderr
    assert "math holds no basis: expected basis.json" in run("basis", "import", "other", "math").stderr
    assert run("basis", "export", "store", "b", "-o", "shared").status == 1


@pytest.mark.usefixtures("store")
def test_atoms_may_stand_for_the_sum(done: Command, run: Command) -> None:
    compressed(done, "--atoms", "2")
    words = ("edit", "store", f"base + 0.3*sum({', '.join(TASKS)})", "--basis", "b")
    result = done(*words, "--add-atoms", "-o", "out", "--json").json
    assert result["certificate"]["addition"] == "atoms"
    assert result["certificate"]["relative_error"] > 0.1
    assert run("edit", "store", "base + math", "--basis", "b", "--add-atoms", "-o", "no").status == 1
    assert run("edit", "store", "base + math", "--add-atoms", "-o", "no").status == 2
    assert not Path("no").exists()


@pytest.mark.usefixtures("store")
def test_the_curve_marks_the_error_that_the_basis_has(done: Command) -> None:
    found = compressed(done, "--atoms", "2", "--method", "random", "--plot", "error.svg")
    drawn = Path("error.svg").read_text(encoding="utf-8")
    assert f">chosen: {found['relative_error']:.3g} with M = 2<" in drawn
    assert ">all tasks, least possible<" in drawn
    assert found["relative_error"] > 1.5 * found["optimal_error"]  # type: ignore[operator]


@pytest.mark.usefixtures("store")
def test_the_error_of_a_merge_is_measured_where_that_is_asked_for(done: Command, run: Command) -> None:
    compressed(done, "--atoms", "2")
    words = ("edit", "store", "base + 0.5*ties(math, code, law)", "--basis", "b")
    plain = done(*words, "-o", "plain").stdout
    assert "unknown relative error: a certificate knows the errors of sums alone; measure that of a merge" in plain
    assert len(done(*words, "--measure", "-o", "no", "--dry-run", "--json").json["plan"]["passes"]) == 6
    measured = done(*words, "--measure", "-o", "measured", "--json").json["certificate"]
    assert measured["relative_error"] is None
    assert 0 < measured["measured_error"] < 2
    told = done(*words, "--measure", "-o", "told").stdout
    assert f"what was added has a relative error of {measured['measured_error']:.3g}, measured\n" in told
    known = done("edit", "store", "base + math", "--basis", "b", "--measure", "-o", "known").stdout
    number = known.rpartition("relative error of ")[2].split(",")[0]
    assert known.endswith(f"a relative error of {number}, measured (by the certificate {number})\n")
    again = done("merge", "measured/recipe.yaml", "again", "--measure", "--json").json["certificate"]
    assert again == measured
    Path("plain.yaml").write_text("base: base\nvectors: {math: math}\nresult: base + math\n", encoding="utf-8")
    assert "name a store and its basis" in run("merge", "plain.yaml", "no", "--measure").stderr
    for wrong in (words[:3], (*words, "--as", "lora", "--rank", "1")):
        refused = run(*wrong, "--measure", "-o", "no")
        assert refused.status == 2
        assert "--measure goes with --basis" in refused.stderr
    done("store", "remove", "store", "code")
    refused = run(*words, "--measure", "-o", "no")
    assert refused.status == 1
    assert "and code left" in refused.stderr
    assert not Path("no").exists()


@pytest.mark.usefixtures("store")
def test_a_limit_for_every_task_needs_a_limit(run: Command) -> None:
    answer = run("compress", "store", "--basis", "b", "--atoms", "2", "--worst-task")
    assert answer.status == 2
    assert "--worst-task says what --max-error E limits" in answer.stderr


@pytest.mark.usefixtures("store")
def test_plots_show_curve_coefficients_and_groups(done: Command) -> None:
    compressed(done, "--atoms", "2", "--plot", "error.png")
    done("compress", "store", "--basis", "c", "--atoms", "2", "--group", "tensor", "--plot", "parts.svg", "--json")
    for name in ("error.png", "error-coefficients.png"):
        with Image.open(name) as image:
            assert np.ptp(np.asarray(image.convert("RGB"))) > 128
    assert "layer.weight" in Path("parts-groups.svg").read_text(encoding="utf-8")
    assert not Path("parts-coefficients.svg").exists()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", "3"], "spectral drew nothing at random, so the seed changes nothing"),
        (["--seed", "3", "--method", "subset"], "subset drew nothing at random, so the seed changes nothing"),
        (["--seed", "3", "--method", "subset", "--option", "choice=random"], None),
        (["--seed", "3", "--method", "autoencoder", "--option", "steps=5"], None),
        (["--seed", "3", "--method", "random"], None),
        (["--dtype", "bf16", "--method", "random"], "never stored: the dtype changes nothing"),
        (["--dtype", "int8", "--method", "random"], "never stored: the dtype changes nothing"),
        (["--dtype", "bf16"], None),
        (["--dtype", "f32", "--atoms", "3"], "no fewer bytes than what they were made from: take fewer atoms, or int8"),
    ],
)
def test_what_was_asked_in_vain_is_said(done: Command, run: Command, words: list[str], said: str | None) -> None:
    told = run("compress", "store", "--basis", "b", "--atoms", "2", *words).stderr
    notes = [line for line in told.splitlines() if "changes nothing" in line or "no fewer bytes" in line]
    assert len(notes) == (said is not None)
    if said is not None:
        assert notes[0].startswith("note: ")
        assert notes[0].removeprefix("note: ") in done("basis", "show", "store", "b", "--json").json["notes"]
        assert said in notes[0]


@pytest.mark.usefixtures("store")
def test_wrong_words_are_wrong_usage(done: Command, run: Command) -> None:
    answer = run("compress", "store", "--basis", "b", "--atoms", "2", "--dtype", "i8")
    assert (answer.status, "use bf16, f16 or f32, or int8" in answer.stderr) == (2, True)
    compressed(done, "--atoms", "2", "--tasks", "code,law,math")
    answer = run("basis", "add", "store", "b", "toxic", "--refit", "--refit-past", "0.5")
    assert answer.status == 2
    assert "give one of them" in " ".join(answer.stderr.split())


@pytest.mark.usefixtures("store")
def test_an_adapter_from_a_basis_says_what_the_basis_lost(done: Command) -> None:
    compressed(done, "--atoms", "2")
    words = ("edit", "store", "base + 0.5*(math + code)", "--basis", "b")
    certificate = done(*words, "-o", "model", "--json").json["certificate"]
    assert done(*words, "--as", "lora", "--rank", "2", "-o", "one", "--json").json["certificate"] == certificate
    said = f"over basis b: what was added has a relative error of {certificate['relative_error']:.3g}"
    assert said in done(*words, "--as", "lora", "--rank", "2", "-o", "two").stdout
    assert "certificate" not in done(*words[:3], "--as", "lora", "--rank", "2", "-o", "three", "--json").json
