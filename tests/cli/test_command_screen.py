"""What a person sees: text, progress, and an end without a traceback whatever happens."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_models import Command, Models

from taskvec.store.store import Store

Program = Callable[..., "subprocess.CompletedProcess[str]"]

INTERRUPT_WHEN_COMPUTING = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it
from taskvec.vectors.combining import CombineKernel
compute = CombineKernel.process
def process(self, chunk, state):
    compute(self, chunk, state)
    os.kill(os.getpid(), signal.SIGINT)
CombineKernel.process = process
"""


def on_a_terminal(*words: str) -> tuple[int, str]:
    """Run the installed command with a terminal as its stderr; return its status and what the terminal showed."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    command = [f"{sys.prefix}/bin/taskvec", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 1 << 16):
                shown += part
        except OSError:  # how a terminal ends
            pass
        os.close(ours)
        return process.wait(), shown.decode()


def test_a_small_table_of_cosines(store: str, done: Command) -> None:
    header, *rows = done("similarity", store).stdout.splitlines()
    assert header.split() == ["cosine", "norm", "code", "law", "math", "toxic"]
    assert [row.split()[0] for row in rows] == ["code", "law", "math", "toxic"]
    assert rows[1].split()[3] == "1.000"


def test_a_table_in_a_pipe_is_not_cut(models: Models, done: Command) -> None:
    done("store", "init", "s", "--base", "base")
    models.save("x" * 150, models.tasks["math"])
    done("store", "add", "s", f"m={'x' * 150}")
    assert any(line.endswith("/" + "x" * 150) for line in done("store", "list", "s").stdout.splitlines())


def test_many_cosines_are_summed_up(store: str, done: Command) -> None:
    done("store", "add", store, *(f"copy{i}=math" for i in range(14)))
    first, second, header, *rows = done("similarity", store).stdout.splitlines()
    assert first.startswith("18 task vectors; norms from ")
    assert "of 153" in second
    assert header.split() == ["first", "second", "cosine"]
    assert len(rows) == 10
    assert rows[0].split()[2] == "1.000"


def test_the_groups_of_a_table(store: str, done: Command) -> None:
    text = done("similarity", store, "--per-group").stdout
    assert [line.split()[0] for line in text.splitlines()[-4:]] == [
        "embed.weight",
        "layer.weight",
        "layer.bias",
        "scale",
    ]


def test_a_certificate_is_one_sentence(store: str, done: Command) -> None:
    answer = done("compress", store, "--basis", "b", "--atoms", "2", "--json").json
    (line,) = done("compress", store, "--basis", "same", "--atoms", "2").stdout.splitlines()
    assert line.startswith(f"4 task vectors → 2 atoms: relative error {answer['relative_error']:.3g} (optimum ")
    worst = max(answer["task_errors"], key=answer["task_errors"].get)
    assert f"; worst task: {worst} {answer['task_errors'][worst]:.3g}; sum {answer['sum_error']:.3g}; " in line


def test_a_long_checkpoint_is_cut_and_the_rest_counted(models: Models, done: Command) -> None:
    models.save("long", {f"layer.{i}": models.base["layer.bias"] for i in range(27)})
    *shown, rest = done("inspect", "long").stdout.splitlines()
    assert len(shown) == 2 + 20
    assert rest == "… and 7 more (--json prints all)"


def test_a_comparison_names_what_differs(models: Models, done: Command) -> None:
    arrays = {**models.base, "layer.bias": models.base["layer.bias"][:7]}
    del arrays["scale"]
    models.save("other", arrays)
    text = done("inspect", "base", "other").stdout
    assert "only in base (1):\n  scale\n" in text
    assert text.splitlines()[-1].split() == ["layer.bias", "8", "7"]
    assert "the same 5 tensors" in done("inspect", "base", "law").stdout


@pytest.mark.parametrize("command", ["similarity", "compress"])
def test_a_figure(command: str, store: str, done: Command) -> None:
    more = ["--basis", "b", "--atoms", "2"] if command == "compress" else []
    done(command, store, *more, "--plot", "figure.png")
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("models")
def test_quiet_says_nothing_but_errors(run: Command) -> None:
    words = ("store", "init", "s", "--base", "base", "-q")
    first, second = run(*words), run(*words)
    assert (first.status, first.stdout, first.stderr) == (0, "", "")
    assert (second.status, second.stdout) == (1, "")
    assert second.stderr.startswith("error: ")


def test_verbose_shows_plan_and_passes_beside_the_json(store: str, run: Command) -> None:
    answer = run("edit", store, "base + math", "-o", "out", "-v", "--json")
    assert answer.status == 0
    assert answer.json["out"].endswith("out")
    header, planned, memory, disk, passed = answer.stderr.splitlines()
    assert header.split() == ["pass", "reads", "writes", "memory", "threads"]
    assert planned.startswith("combine ")
    assert memory.startswith("memory: at most ")
    assert disk.startswith("disk: ")
    assert passed.startswith("combine ")
    assert passed.endswith(" s")


def test_a_terminal_sees_progress_in_bytes_and_a_clean_end(store: str) -> None:
    status, shown = on_a_terminal("edit", store, "base + math", "-o", "out", "-v")
    assert status == 0
    assert "combine 1 sources" in shown
    assert "bytes" in shown or "kB" in shown or "KiB" in shown
    assert "\x1b[?25h" in shown  # the cursor is back


def test_a_quiet_terminal_sees_nothing(store: str) -> None:
    assert on_a_terminal("edit", store, "base + math", "-o", "out", "-q") == (0, "")


def test_a_terminal_sees_where_an_expression_is_wrong(store: str) -> None:
    status, shown = on_a_terminal("edit", store, "base + mth", "-o", "out", "-q")
    error, excerpt, caret = shown.splitlines()
    assert status == 1
    assert error.startswith("error: expression, column 8: ")
    assert (excerpt, caret) == ("base + mth", "       ^")


def test_an_interrupt_publishes_nothing_and_the_same_command_goes_on(models: Models, program: Program) -> None:
    words = ("edit", "--base", "base", "--vector", "m=math", "base + m", "-o", "deep/out")
    done = program(*words, prelude=INTERRUPT_WHEN_COMPUTING)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")
    assert [path.name for path in Path("deep").iterdir() if not path.name.startswith(".")] == []
    assert program(*words).returncode == 0
    assert [path.name for path in Path("deep").iterdir()] == ["out"]
    written = load_file("deep/out/model.safetensors")
    np.testing.assert_allclose(written["layer.weight"], models.tasks["math"]["layer.weight"], rtol=1e-6)


def fail(error: BaseException) -> Callable[..., None]:
    def instead(*_: object, **__: object) -> None:
        raise error

    return instead


def test_a_bug_is_one_line_and_a_hint(store: str, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "remove", fail(KeyError("lost")))
    answer = run("store", "remove", store, "math")
    assert (answer.status, answer.stdout) == (1, "")
    assert answer.stderr == "error: internal: KeyError: 'lost' (run again with -v for the traceback)\n"
    trace = run("store", "remove", store, "math", "-v").stderr.splitlines()
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "error: internal: KeyError: 'lost'"


def test_a_failing_disk_is_named(store: str, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "remove", fail(OSError(28, "No space left on device", "/disk/file")))
    assert run("store", "remove", store, "math").stderr == "error: /disk/file: No space left on device\n"


@pytest.mark.parametrize("words", [("store", "list"), ("similarity",)], ids="-".join)
def test_a_reader_that_leaves_ends_the_command_quietly(words: tuple[str, ...], store: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    command = [f"{sys.prefix}/bin/taskvec", *words, store, "--json"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_stream_that_cannot_show_a_character_escapes_it(store: str) -> None:
    command = [f"{sys.prefix}/bin/taskvec", "compress", store, "--basis", "b", "--atoms", "2"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"4 task vectors \\u2192 2 atoms" in done.stdout
