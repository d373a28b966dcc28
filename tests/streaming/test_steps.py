from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from taskvec.checkpoints import StagedOutput
from taskvec.errors import OutputError, TaskvecError
from taskvec.streaming import Folder, Foreseen, Pass, PlannedPass, RunOptions, Staged, Steps, in_turn, plan_steps
from taskvec.streaming.steps import foresee_steps, run_steps


@dataclass(frozen=True)
class Doubling(Pass[float]):
    """Doubles a number, and says that it was run."""

    number: float
    done: list[float] = field(default_factory=list)

    def foresee(self, options: RunOptions) -> Foreseen[float]:
        size = 0 if np.isnan(self.number) else int(self.number)
        planned = PlannedPass(f"double {self.number}", size, 0, 1, 1, 1, 1, forgets=False)
        return Foreseen(float("nan"), (planned,), output_bytes=3)

    def run(self, options: RunOptions) -> float:
        if self.number < 0:
            raise TaskvecError("negative")
        self.done.append(self.number)
        return 2 * self.number


def quadrupling(number: float, done: list[float]) -> Steps[float]:
    twice = yield from Doubling(number, done)
    four_times = yield from Doubling(twice, done)
    return four_times + 1


def test_a_run_sends_what_each_pass_came_to() -> None:
    done: list[float] = []
    assert run_steps(quadrupling(3, done), RunOptions()) == 13
    assert done == [3, 6]


def test_a_plan_walks_the_same_steps_and_does_nothing() -> None:
    done: list[float] = []
    seen = foresee_steps(quadrupling(3, done), RunOptions())
    assert np.isnan(seen.result)
    assert [planned.label for planned in seen.passes] == ["double 3", "double nan"]
    assert (seen.output_bytes, seen.target, done) == (6, None, [])


def test_a_verb_without_passes_has_a_plan_without_passes() -> None:
    steps = in_turn([])
    assert plan_steps(steps, RunOptions()).passes == ()
    assert run_steps(in_turn([]), RunOptions()) == ()


def test_verbs_and_passes_are_done_in_turn() -> None:
    done: list[float] = []
    assert run_steps(in_turn([Doubling(1, done), quadrupling(2, done)]), RunOptions()) == (2, 9)
    assert done == [1, 2, 4]


def test_an_error_is_raised_where_the_verb_asked() -> None:
    def forgiving() -> Steps[str]:
        try:
            yield from Doubling(-1)
        except TaskvecError as error:
            return f"{error}, and then {(yield from Doubling(4))}"
        return "no error"

    assert run_steps(forgiving(), RunOptions()) == "negative, and then 8"
    with pytest.raises(TaskvecError, match="negative"):
        run_steps(quadrupling(-1, []), RunOptions())


@dataclass(frozen=True)
class Noting(Pass[Path]):
    """Writes a file."""

    path: Path

    def foresee(self, options: RunOptions) -> Foreseen[Path]:
        return Foreseen(self.path, output_bytes=5)

    def run(self, options: RunOptions) -> Path:
        self.path.write_text("noted", encoding="ascii")
        return self.path


def staged(target: Path, *, is_published: bool) -> Staged[Path]:
    def finish(output: StagedOutput, written: Path) -> Path:
        if not is_published:
            return written
        output.publish()
        return output.target / written.name

    def noting(folder: Folder) -> Steps[Path]:
        return (yield from Noting(folder.path / "note"))

    return Staged(target, lambda: StagedOutput(target), noting, finish)


def test_a_folder_appears_when_all_of_its_steps_are_done(tmp_path: Path) -> None:
    target = tmp_path / "out"
    plan = plan_steps(iter(staged(target, is_published=True)), RunOptions())
    assert plan.output_bytes == 5
    assert plan.free_disk_bytes is not None
    assert not list(tmp_path.iterdir())
    written = run_steps(iter(staged(target, is_published=True)), RunOptions())
    assert written == target / "note"
    assert written.read_text(encoding="ascii") == "noted"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    run_steps(iter(staged(tmp_path / "out", is_published=False)), RunOptions())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_refused_by_a_run(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        run_steps(iter(staged(tmp_path / "out", is_published=True)), RunOptions())
