"""Tiny models of one base, and the command line as a function."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_models import TASKS, Answer, Arrays, Command, Models, tiny_base
from typer.testing import CliRunner

from taskvec.cli.main import command_line

ONE_OF_SEVERAL = """
    print("$", *words)
    sys.argv = ["taskvec", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    base = tiny_base(rng)
    shared = {name: rng.normal(size=array.shape) for name, array in base.items()}
    tasks: dict[str, Arrays] = {}
    for task in TASKS:
        tasks[task] = {
            name: array
            if array.dtype == np.int64
            else (array + 0.01 * (shared[name] + rng.normal(size=array.shape))).astype(np.float32)
            for name, array in base.items()
        }
    result = Models(tmp_path, base, tasks)
    result.save("base", base, config={"model_type": "tiny"})
    for task, arrays in tasks.items():
        result.save(task, arrays, config={"model_type": "tiny"}, shard_size=400 if task == "law" else None)
    return result


@pytest.fixture
def run() -> Command:
    def call(*words: str) -> Answer:
        result = CliRunner().invoke(command_line(), list(words))
        return Answer(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def done(run: Command) -> Command:
    def call(*words: str) -> Answer:
        answer = run(*words)
        assert (answer.status, answer.stderr) == (0, ""), answer
        return answer

    return call


@pytest.fixture
def store(models: Models, done: Command) -> str:
    done("store", "init", "store", "--base", "base")
    done("store", "add", "store", *(f"{task}={task}" for task in TASKS))
    return "store"


def in_new_process(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys\nfrom taskvec.cli.main import main\n{code}", *words]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)


@pytest.fixture
def program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed command in a process of its own; ``prelude`` is Python to run before it."""

    def call(*words: str, prelude: str = "") -> subprocess.CompletedProcess[str]:
        return in_new_process(f"{prelude}\nsys.argv[0] = 'taskvec'\nmain()", *words)

    return call


@pytest.fixture
def programs() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run commands one after another in one new process, up to the first that fails, which is the last named."""

    def call(*commands: tuple[str, ...], prelude: str = "") -> subprocess.CompletedProcess[str]:
        return in_new_process(f"{prelude}\nfor words in {commands}:{ONE_OF_SEVERAL}")

    return call
