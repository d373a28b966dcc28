"""The worked example of the page about bases runs as it stands, and the page keeps up with the code."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bases_page import FROM_BASES, PAGE, REPOSITORY, VISION, measured, page, rows_of, scales
from benchmarks.results import RESULTS, load
from safetensors.numpy import load_file, save_file

import example_results
from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.results import Column, Measured, Table


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    base, common = (rng.standard_normal((32, 16)).astype(np.float32) for _ in range(2))
    for name in ("base", "math", "code", "law", "chess", "latin"):
        (tmp_path / name).mkdir()
        change = 0.0 if name == "base" else 0.1 * (common + rng.standard_normal(base.shape))
        save_file({"weight": (base + change).astype(np.float32)}, tmp_path / name / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102  # our own page
    all_tasks, of_law, expression, latin, imported = capsys.readouterr().out.splitlines()
    relative, optimum = map(float, all_tasks.split())
    assert optimum <= relative * (1 + 1e-9) < 1
    assert float(of_law.split()[0]) < 1
    assert float(latin.split()[0]) > relative
    assert "refit the basis" in latin
    assert float(imported) > 0
    weights = {name: load_file(f"{name}/model.safetensors")["weight"].astype(np.float64) for name in ("math", "code")}
    truth = 0.5 * (weights["math"] - base) - 0.2 * (weights["code"] - base)
    found = load_file("edited/model.safetensors")["weight"].astype(np.float64) - base
    error = np.linalg.norm(found - truth) / np.linalg.norm(truth)
    assert float(expression) == pytest.approx(error, rel=1e-3)


def test_every_method_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}`" in page for name in BASIS_METHODS)


def test_what_was_measured_is_what_the_files_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make pages"


def test_the_sentences_are_true_of_the_figures() -> None:
    answer = load(RESULTS, "which_basis")
    assert answer is not None
    rows = {
        (row["method"], row["M"]): row
        for row in next(rows_of(table) for table in answer.answer.tables if table.title == VISION)
    }
    at = {method: row for (method, count), row in rows.items() if count == 4}
    spectral, small, subset = at["spectral"], at["spectral, int8"], at["subset, greedy"]
    assert rows["spectral", 6]["added"] - rows["spectral", 2]["added"] < 0.02
    assert rows["none", 8]["alone"] - rows["spectral", 2]["alone"] > 0.02
    assert at["autoencoder"]["error"] == pytest.approx(spectral["error"], abs=0.001)
    assert at["pca"]["error"] == pytest.approx(at["pca"]["bound"], abs=0.001)
    assert subset["least"] == min(row["least"] for row in rows.values() if row["least"] is not None)
    assert subset["worst"] > 0.99
    taken = [rows[key]["negated"] for key in (("none", 8), ("spectral", 6), ("spectral", 4), ("spectral", 2))]
    assert taken == sorted(taken)
    assert subset["negated"] > spectral["negated"]
    assert 0.24 < small["bytes"] / spectral["bytes"] < 0.26
    assert 0 < small["error"] - spectral["error"] < 0.001
    columns = ("alone", "least", "added", "negated", "others")
    assert max(abs(small[column] - spectral[column]) for column in columns) <= 0.001
    assert at["spectral, normalized"]["worst"] < spectral["worst"]


def evidence() -> example_results.Result:
    columns = (
        Column(name="basis"),
        Column(name="of full addition", unit="fraction", meaning="a share"),
        Column(name="recovered", unit="fraction"),
        Column(name="atoms", unit="fraction"),
    )
    rows = (
        ("pca, M = 2", Measured(value=0.987, spread=0.012), 0.5, 0.25),
        ("spectral, M = 4", 0.99, 0.83, 0.82),
        ("pca, M = 4", 1.0, 0.84, 0.79),
    )
    tables = [Table(title=title, columns=columns, rows=rows, spread="over seeds") for title in FROM_BASES]
    return example_results.result(name="vision", title="Eight tasks", tables=(*tables, example_results.table()))


def test_seeds_are_told_once_they_were_measured() -> None:
    answer = load(RESULTS, "which_basis")
    assert answer is not None
    without, with_seeds = ("\n".join(measured(answer, found)) for found in (None, evidence()))
    row = "| pca, M = 2 | 98.7 % ± 1.2 % | 50.0 % | 25.0 % |"
    assert (without.count(row), with_seeds.count(row)) == (0, 3)
    assert "Not measured here: other seeds, language models." in without
    assert "Not measured here: language models." in with_seeds
    assert "[Eight tasks](../evidence/vision.md)" in with_seeds
    assert "sum has 82.0 % in place of 83.0 %; that of `pca`, which leaves the mean out, 79.0 % in" in with_seeds
    assert "emoji" not in with_seeds  # of its other tables


def test_what_joins_is_told_once_it_was_measured() -> None:
    answer = load(RESULTS, "how_far_it_scales")
    assert answer is not None
    growth, large = answer.answer.tables
    kept = [row for row in growth.rows if row[0] != "atoms of some"]
    rows = [("atoms of some", count, seconds, seconds / count, 1, 1) for count, seconds in ((50, 2.0), (200, 5.0))]
    told = replace(
        answer.answer,
        setup=f"{answer.answer.setup} 16 atoms made from 32 of them.",
        tables=(replace(growth, rows=(*kept, *rows)), large),
        notes=(*(note for note in answer.answer.notes if not note.startswith("atoms of some")), "atoms of some: 1 s."),
    )
    text = scales(replace(answer, answer=told))
    assert "Where 16 atoms are made from 32 of the vectors and the others projected (`--fit-on 32`)" in text
    assert "takes 2.0 s for 50 vectors and 5.0 s for 200: 1 s." in text
    without = replace(told, tables=(replace(growth, rows=tuple(kept)), large))
    assert "fit-on" not in scales(replace(answer, answer=without))


def test_the_experiment_makes_tables_of_these_names() -> None:
    source = (REPOSITORY / "experiments" / "vision" / "tables.py").read_text(encoding="utf-8")
    assert all(f'"{title}' in source for title in FROM_BASES)
