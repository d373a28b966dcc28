"""The knobs: environment variables in, one frozen value out, one line for nonsense."""

from pathlib import Path

import pytest

pytest.importorskip("PIL")

from demo.errors import DemoError
from demo.settings import from_environment

from demo import workspace


def test_defaults() -> None:
    settings = from_environment({})
    assert settings.num_tasks == 8
    assert settings.out == Path("demo-output")
    assert settings.cache == Path.home() / ".cache/taskvec/demo"


def test_every_knob() -> None:
    settings = from_environment({"DEMO_TASKS": "4", "DEMO_STEPS": "7", "DEMO_OUT": "here", "XDG_CACHE_HOME": "/c"})
    assert (settings.num_tasks, settings.finetuning.steps) == (4, 7)
    assert (settings.out, settings.cache) == (Path("here"), Path("/c/taskvec/demo"))


@pytest.mark.parametrize(
    "given", [{"DEMO_TASKS": "1"}, {"DEMO_TASKS": "9"}, {"DEMO_TASKS": "many"}, {"DEMO_STEPS": "-3"}]
)
def test_nonsense_is_one_line(given) -> None:
    with pytest.raises(DemoError, match="is not a whole number from"):
        from_environment(given)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DemoError, match="DEMO_OUT"):
        workspace.fresh(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_earlier_output_is_replaced(tmp_path) -> None:
    folder = workspace.fresh(tmp_path / "out")
    (folder / "result.json").touch()
    assert [path.name for path in workspace.fresh(folder).iterdir()] == [workspace.MARK]
