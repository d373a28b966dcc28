"""``taskvec decompose``: its words, its answer, and what the other commands make of the parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_models import TASKS, Command, Models

MATRIX = {"name", "shape", "ranks", "shared_rank", "threshold", "largest", "angles", "shared_energy", "left_out"}
TASK = {"norm", "shared_norm", "unique_norm", "shared_energy"}


def test_the_answer(store: str, done: Command) -> None:
    result = done("decompose", store, "--rank", "2", "--json").json
    assert result.keys() == {"groups", "tasks", "shared_dimensions", "bytes", "notes"}
    assert {matrix["name"] for matrix in result["groups"]} == {"embed.weight", "layer.weight"}
    assert all(matrix.keys() == MATRIX for matrix in result["groups"])
    assert all(matrix["ranks"] == dict.fromkeys(TASKS, 2) for matrix in result["groups"])
    assert result["shared_dimensions"] == sum(matrix["shared_rank"] for matrix in result["groups"]) > 0
    assert list(result["tasks"]) == list(TASKS)
    for row in result["tasks"].values():
        assert row.keys() == TASK
        assert row["shared_norm"] ** 2 + row["unique_norm"] ** 2 == pytest.approx(row["norm"] ** 2)


def test_parts_in_other_commands(models: Models, store: str, done: Command) -> None:
    tasks = done("decompose", store, "--rank", "2", "--json").json["tasks"]
    compared = done("similarity", store, "law", "law.shared", "law.unique", "--json").json
    assert compared["norms"][1:] == pytest.approx([tasks["law"]["shared_norm"], tasks["law"]["unique_norm"]], rel=1e-5)
    done("edit", store, "base + law.shared + law.unique", "-o", "whole")
    whole = load_file(models.folder / "whole" / "model.safetensors")
    for name in ("embed.weight", "layer.bias"):
        np.testing.assert_allclose(whole[name] - models.base[name], models.delta("law", name), atol=1e-6)
    done("edit", store, "base + 0.5*shared_once(law, math) - orthogonal(toxic, code, law)", "-o", "merged")
    done("compress", store, "--basis", "own", "--atoms", "1", "--tasks", "law.unique,math.unique", "-q")
    assert done("store", "show", store, "law.shared", "--json").json["norm"] == pytest.approx(
        tasks["law"]["shared_norm"]
    )
    assert done("store", "verify", store, "--json").json["ok"]
    assert [row["name"] for row in done("store", "list", store, "--json").json["vectors"]] == list(TASKS)


def test_the_text(store: str, done: Command) -> None:
    text = done("decompose", store, "law", "math", "--rank", "2", "--threshold", "0.6").stdout
    assert "layer.weight" in text
    assert "unique norm" in text
    assert "shared dimensions in 2 matrices" in text
    assert "toxic" not in text


def test_groups_of_tasks(store: str, done: Command) -> None:
    words = ("decompose", store, "--rank", "3", "--threshold", "0.7", "--group", "pair=law,math")
    matrix = done(*words, "--json").json["groups"][0]
    assert matrix["within"].keys() == {"pair"}
    assert "pair" in done(*words).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--energy", "0.6", "--subspace", "palindrome", "--side", "right"],
        ["--rank", "2", "--subspace", "chain", "--threshold", "0.85", "--side", "both"],
        ["--rank", "2", "--one-dimensional", "--control", "random", "--seed", "4"],
    ],
)
def test_options(store: str, done: Command, run: Command, words: list[str]) -> None:
    assert run("decompose", store, *words).status == 0
    assert done("decompose", store, *words, "--json").json["groups"]


def test_what_should_be_known_is_said(store: str, run: Command) -> None:
    told = run("decompose", store, "--rank", "2", "--subspace", "chain", "--threshold", "0.9999")
    assert "note: no shared dimension in 2 of 2 matrices: the chain multiplies 3 squared cosines" in told.stderr
    assert not run("decompose", store, "--rank", "2", "--threshold", "0.9999", "-q").stderr


def test_a_picture(models: Models, store: str, done: Command) -> None:
    done("decompose", store, "--rank", "2", "--plot", "shared.png", "-q")
    assert Path("shared.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 1, "full rank"),
        ([], 1, "give --rank R or --energy E"),
        (["--rank", "2", "--energy", "0.5"], 1, "one of them"),
        (["--rank", "20"], 1, "full rank of every matrix"),
        (["law", "--rank", "2"], 1, "at least two task vectors"),
        (["law", "mth", "--rank", "2"], 1, "'mth'"),
        (["--rank", "2", "--threshold", "1.5"], 1, "out of range"),
        (["--rank", "2", "--threshold", "most"], 2, "neither edge nor a number"),
        (["--rank", "2", "--group", "law,math"], 2, "GROUP=A,B"),
        (["--rank", "2", "--subspace", "median"], 1, "chain, mean, palindrome"),
        (["--rank", "2", "--plot", "no/where.png"], 1, "no/where.png"),
    ],
)
def test_refusals(store: str, run: Command, words: list[str], status: int, said: str) -> None:
    answer = run("decompose", store, *words)
    assert answer.status == status
    assert said in " ".join(answer.stderr.replace("│", " ").split())
    assert status == 2 or answer.stderr.count("\n") == 1
    assert not Path(store, "decompositions").exists()
