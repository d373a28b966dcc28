"""Pages of experiments are what their JSON renders to, and a run is cut, cached and refused as it should be."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from experiments.__main__ import main
from experiments.cached import Kept
from experiments.publishing import charts, page, publish, render_all, report, samples, show, show_cell, store_page_of
from experiments.setting import EVIDENCE, SEEDS, from_environment

from experiments import NAMES
from taskvec import Store
from taskvec.results import (
    Axis,
    Column,
    Control,
    Curves,
    Machine,
    Measured,
    Result,
    Series,
    Table,
)
from taskvec.testing.checkpoints import save_safetensors

ROOT = Path(__file__).parents[2]
ASKING = """
import sys
from experiments.__main__ import main
try:
    main(["--help"])
except SystemExit:
    pass
assert "torch" not in sys.modules
"""


def result() -> Result:
    columns = (Column(name="model"), Column(name="mean", unit="fraction", meaning="over tasks"))
    rows = (("base", 0.5), ("sum", Measured(value=0.75, spread=0.01, n=3)))
    line = Series(name="sum", x=(0.1, 0.2), y=(0.5, 0.6))
    return Result(
        name="toy",
        title="A toy",
        question="Does it?",
        answer="It does.",
        commands=("make experiment-toy",),
        date=datetime(2026, 1, 2, tzinfo=UTC),
        seeds=(0, 1),
        versions={"python": "3.11"},
        machine=Machine(cpu="a processor", cores=2, memory_bytes=3 << 30, system="Linux"),
        seconds={"train": 12.0},
        tables=(Table(title="Accuracy | all", columns=columns, rows=rows, spread="deviation", is_drawn=True),),
        curves=(Curves(title="Over λ", x=Axis(name="λ"), y=Axis(name="accuracy"), series=(line,)),),
        controls=(Control(name="nothing", expected="0", found="0"),),
        notes=("A note.",),
    )


def test_a_page_says_what_the_result_holds() -> None:
    text = page(result(), ["toy-samples-two-styles.png"])
    for said in (
        "# A toy",
        "**Question.** Does it?",
        "**Answer.** It does.",
        "| sum | 75.0 % ± 1.0 % |",
        "mean: over tasks",
        "![two styles](images/toy-samples-two-styles.png)",
        "![Over λ](images/toy-over.svg)",
        "- **nothing.** Expected: 0. Found: 0.",
        "- A note.",
        "make experiment-toy",
        "2026-01-02, a processor, 2 cores, 3 GiB",
    ):
        assert said in text, said


def test_publishing_leaves_json_page_and_pictures_that_render_anew_to_the_same(tmp_path: Path) -> None:
    publish(result(), tmp_path)
    written = (tmp_path / "toy.md").read_text(encoding="utf-8")
    assert Result.load(tmp_path / "toy.json") == result()
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["toy-accuracy-all.svg", "toy-over.svg"]
    (tmp_path / "toy.md").write_text("edited by hand", encoding="utf-8")
    assert render_all(tmp_path) == [tmp_path / "toy.json"]
    assert (tmp_path / "toy.md").read_text(encoding="utf-8") == written


def test_one_page_to_open_holds_every_result(tmp_path: Path) -> None:
    publish(result(), tmp_path)
    text = report(tmp_path, tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert result().title in text
    assert result().answer in text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (0.5, "0.5"),
        (Measured(value=0.807, spread=0.002, n=3), "0.807 ± 0.002"),
        (Measured(value=1.0, spread=1e-8, n=3), "1 ± 0"),
        (Measured(value=2e-8, spread=1e-8, n=3), "2e-08 ± 1e-08"),
        (Measured(value=1.0, spread=None, n=1), "1"),
    ],
)
def test_a_spread_that_is_rounding_is_shown_as_none(cell: float | Measured, text: str) -> None:
    assert show_cell(cell, "number") == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "number", "–"),
        (0.123456, "number", "0.123"),
        (0.5, "fraction", "50.0 %"),
        (-0.0002, "fraction", "0.0 %"),
        (1234567, "count", "1,234,567"),
        (1536, "bytes", "1.5 KiB"),
        ("a|b", "text", "a\\|b"),
    ],
)
def test_numbers_are_shown_as_people_read_them(value: object, unit: str, text: str) -> None:
    assert show(value, unit) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("file", sorted(EVIDENCE.glob("*.json")), ids=lambda path: path.stem)
def test_a_kept_page_is_what_its_json_renders_to(file: Path) -> None:
    kept = Result.load(file)
    assert kept.name == file.stem
    assert file.with_suffix(".md").read_text(encoding="utf-8") == page(kept, samples(EVIDENCE, kept))
    assert [name for name in charts(kept) if not (EVIDENCE / "images" / name).exists()] == []


def test_a_fast_run_never_writes_over_the_evidence(tmp_path: Path) -> None:
    fast, whole = (from_environment({"FAST": given, "XDG_CACHE_HOME": str(tmp_path)}) for given in ("1", ""))
    assert (fast.is_fast, fast.out, fast.seeds) == (True, Path("experiments-output"), (0,))
    assert (whole.is_fast, whole.out, whole.seeds) == (False, EVIDENCE, SEEDS)
    assert fast.cache == tmp_path / "taskvec" / "experiments"
    assert fast.command("toy") == "FAST=1 make experiment-toy"
    assert whole.command("toy") == "make experiment-toy"


def test_steps_add_up_their_seconds(tmp_path: Path) -> None:
    said: list[str] = []
    setting = dataclasses.replace(from_environment({}), say=said.append, seconds={})
    for _ in range(2):
        with setting.step("measure"):
            pass
    assert said == ["measure …"] * 2
    assert list(setting.seconds) == ["measure"]


def test_what_is_kept_is_computed_once_for_its_key(tmp_path: Path) -> None:
    kept, calls = Kept(tmp_path), []
    for scaling in (0.1, 0.1, 0.2):
        assert kept.value("accuracy", lambda s=scaling: calls.append(s) or s, scaling=scaling) == scaling
    assert calls == [0.1, 0.2]
    assert kept.holds("accuracy", scaling=0.2)
    assert not kept.holds("accuracy", scaling=0.3)
    assert (kept.folder("f", lambda draft: (draft / "x").touch() or None, a=1) / "x").exists()


def test_a_folder_that_came_with_an_experiment_is_taken_for_its_key_alone(tmp_path: Path) -> None:
    made = Kept(tmp_path / "one").folder("f", lambda draft: (draft / "x").write_text("shipped") and None, a=1)
    kept, built = Kept(tmp_path / "two", made.parent), []
    assert kept.folder("f", built.append, a=1) == made
    assert kept.folder("f", built.append, a=2).parent == tmp_path / "two"
    assert len(built) == 1


def test_every_experiment_has_its_function_and_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        text = (ROOT / "experiments" / name / "__init__.py").read_text(encoding="utf-8")
        assert "run" in text, name
    with pytest.raises(SystemExit) as refused:
        main(["absent"])
    assert refused.value.code == 2
    assert "unknown experiment 'absent'" in capsys.readouterr().err


def test_asking_for_help_imports_neither_torch_nor_an_experiment() -> None:
    done = subprocess.run([sys.executable, "-c", ASKING], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--write" in done.stdout


def test_the_store_of_an_experiment_is_a_page_to_open(tmp_path: Path) -> None:
    assert store_page_of(tmp_path / "none", tmp_path / "out" / "store.html") is None
    rng = np.random.default_rng(0)
    for name in ("base", "math", "code"):
        save_safetensors(tmp_path / f"{name}.safetensors", {"w": rng.standard_normal((4, 4)).astype(np.float32)})
    (tmp_path / "toy" / "store-1").mkdir(parents=True)
    store = Store.init(tmp_path / "toy" / "store-1" / "store", tmp_path / "base.safetensors")
    store.add({name: tmp_path / f"{name}.safetensors" for name in ("math", "code")})
    page_of_it = store_page_of(tmp_path / "toy", tmp_path / "out" / "store.html")
    assert page_of_it is not None
    assert "math" in page_of_it.read_text(encoding="utf-8")
