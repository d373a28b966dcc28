"""Adapters on the command line: written by extract-lora and edit --as lora, read by every other command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_models import Command, Models


def test_extract_lora(models: Models, done: Command) -> None:
    answer = done("extract-lora", "math", "--base", "base", "-o", "lora", "--rank", "3", "--json").json
    keys = {
        "out",
        "files",
        "truncation_error",
        "relative_error",
        "matrices",
        "left_out",
        "whole",
        "num_params",
        "bytes",
    }
    assert answer.keys() == keys
    (matrix,) = answer["matrices"]
    values = np.linalg.svd(models.delta("math", "layer.weight"), compute_uv=False)
    assert (matrix["name"], matrix["rank"]) == ("layer.weight", 3)
    assert matrix["error"] == pytest.approx(np.linalg.norm(values[3:]) / np.linalg.norm(values), rel=1e-4)
    assert {row["name"] for row in answer["left_out"]} == {"embed.weight", "layer.bias", "scale"}
    assert sorted(path.name for path in Path("lora").iterdir()) == sorted(answer["files"])
    config = json.loads(Path("lora/adapter_config.json").read_text(encoding="utf-8"))
    assert (config["base_model_name_or_path"], config["r"], config["target_modules"]) == ("base", 3, ["layer"])


def test_an_expression_as_an_adapter_and_back(models: Models, store: str, done: Command) -> None:
    written = done("edit", store, "base + 0.5*(math + code)", "-o", "lora", "--as", "lora", "--max-error", "1e-6")
    assert "truncation lost" in written.stdout
    done("store", "add", store, "both=lora")
    (row,) = [row for row in done("store", "list", store, "--json").json["vectors"] if row["name"] == "both"]
    assert row["form"] == "low-rank"
    total = 0.5 * (models.delta("math", "layer.weight") + models.delta("code", "layer.weight"))
    assert row["norm"] == pytest.approx(np.linalg.norm(total), rel=1e-5)
    done("edit", "--base", "base", "--vector", "both=base+lora", "base + both", "-o", "out")
    done("inspect", "base+lora")
    done("similarity", store)


def test_what_no_factors_hold_comes_along_when_asked(models: Models, store: str, done: Command) -> None:
    words = ("edit", store, "base + math", "-o", "lora", "--as", "lora", "--rank", "3", "--with-rest", "--json")
    answer = done(*words).json
    assert "layer.bias" in answer["whole"]
    assert "layer.bias" not in {row["name"] for row in answer["left_out"]}
    assert (
        "held whole" in done("extract-lora", "math", "--base", "base", "-o", "o", "--rank", "3", "--with-rest").stdout
    )


def test_a_dry_run_writes_nothing(models: Models, done: Command) -> None:
    answer = done("extract-lora", "math", "--base", "base", "-o", "lora", "--rank", "3", "--dry-run", "--json").json
    assert answer["plan"]["passes"]
    assert not Path("lora").exists()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("extract-lora", "math", "--base", "base", "-o", "o"), 1, "--rank R or --max-error E"),
        (("edit", "store", "math", "-o", "o", "--rank", "2"), 2, "--as lora"),
        (("edit", "store", "math", "-o", "o", "--as", "zip"), 2, "zip"),
        (("edit", "store", "math", "-o", "o", "--with-rest"), 2, "--with-rest go with --as lora"),
        (("store", "add", "store", "x=base+math"), 1, "no LoRA adapter"),
    ],
)
def test_wrong_words(models: Models, store: str, run: Command, words: tuple[str, ...], status: int, said: str) -> None:
    answer = run(*words)
    assert answer.status == status
    assert said in answer.stderr
    assert not Path("o").exists()
