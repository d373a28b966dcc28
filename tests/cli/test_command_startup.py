"""``--help`` answers at once, a command imports what it needs and no more, and none needs torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest
from tiny_models import Models
from typer.main import get_command

from taskvec.cli.main import command_line

Program = Callable[..., "subprocess.CompletedProcess[str]"]

HEAVY = ("numpy", "numba", "pydantic", "torch", "rich", "blake3", "safetensors", "vl_convert", "ml_dtypes")
COMPILING = ("numba.np.arraymath", "numba.np.npyimpl", "scipy.linalg")  # what is compiled already needs none of it
OF_OTHERS = ("torch", "taskvec.cli.store", "taskvec.components", "taskvec.adapters")
MERGES = ("taskvec.methods", "taskvec.merging.merge", "taskvec.numerics.trimming")
UNASKED = {
    ("edit", "s", "base + sum(math, code)", "-o", "OUT", "-q"): (*MERGES, "taskvec.bases.basis", "rich"),
    ("edit", "--base", "base", "--vector", "m=math", "base - m", "-o", "OUT", "-q"): (*MERGES, "taskvec.store.store"),
    ("edit", "s", "base + ties(math, code)", "-o", "OUT", "-q"): ("taskvec.bases.basis",),
    ("similarity", "s", "--json"): (*MERGES, "taskvec.editing", "taskvec.editing.scope", "taskvec.reports"),
    ("compress", "s", "--basis", "OUT", "--atoms", "2", "--json"): (*MERGES, "taskvec.editing", "taskvec.reports"),
}


def naming(modules: Iterable[str]) -> str:
    """Python that says at the end which of some modules were imported."""
    return f"""
import atexit
atexit.register(lambda: print("heavy:", *[name for name in {tuple(modules)} if name in sys.modules], file=sys.stderr))
"""


NAME_HEAVY_AT_EXIT = naming(HEAVY)

REFUSE_TORCH = """
class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is not installed here")
sys.meta_path.insert(0, Refusal())
"""


def command_paths() -> list[tuple[str, ...]]:
    root = get_command(command_line())
    paths: list[tuple[str, ...]] = [()]
    for name, command in root.commands.items():
        paths.append((name,))
        paths.extend((name, inner) for inner in getattr(command, "commands", {}))
    return paths


@pytest.mark.parametrize("path", command_paths(), ids=lambda path: "-".join(path) or "taskvec")
def test_help_imports_nothing_heavy(path: tuple[str, ...], program: Program) -> None:
    done = program(*path, "--help", prelude=NAME_HEAVY_AT_EXIT)
    assert (done.returncode, done.stderr) == (0, "heavy:\n")
    assert done.stdout.startswith(f"Usage: {' '.join(['taskvec', *path])} ")


def test_the_version(program: Program) -> None:
    done = program("--version", prelude=NAME_HEAVY_AT_EXIT)
    assert (done.returncode, done.stderr) == (0, "heavy:\n")
    assert done.stdout.startswith("taskvec ")


def test_every_command_takes_the_shared_options() -> None:
    root = get_command(command_line())
    of_documents = {("store", verb) for verb in ("list", "show", "remove", "rename", "gc")}
    weightless = of_documents | {("basis", "show"), ("basis", "remove"), ("inspect",), ("methods",), ("report",)}
    weightless |= {("publish",)}  # hashes files, whatever is in them
    for path in command_paths():
        command = root
        for word in path:
            command = command.commands[word]
        if hasattr(command, "commands"):
            continue
        options = {option for parameter in command.params for option in parameter.opts}
        assert options >= {"--json", "-v", "-q"}, path
        assert (options >= {"--memory", "-j", "--executor", "--device", "--dry-run"}) == (path not in weightless), path


@pytest.mark.usefixtures("models")
def test_a_command_imports_what_it_needs(program: Program, programs: Program) -> None:
    store = ("store", "init", "s", "--base", "base"), ("store", "add", "s", "math=math", "code=code", "law=law")
    first, second = (
        [tuple(word.replace("OUT", f"{which}{number}") for word in words) for number, words in enumerate(UNASKED)]
        for which in ("first", "second")
    )
    compiling = programs(*store, *first)  # compiles, where nobody has
    assert compiling.returncode == 0, compiling
    for words, unasked in zip(second, UNASKED.values(), strict=True):
        done = program(*words, prelude=naming(COMPILING + OF_OTHERS + unasked))
        assert (done.returncode, done.stderr) == (0, "heavy:\n"), words


@pytest.mark.usefixtures("models")
def test_the_main_job_needs_no_torch(programs: Program) -> None:
    done = programs(
        ("store", "init", "s", "--base", "base"),
        ("store", "add", "s", "math=math", "code=code", "law=law"),
        ("store", "list", "s"),
        ("store", "show", "s", "law"),
        ("similarity", "s"),
        ("compress", "s", "--basis", "b", "--atoms", "2"),
        ("decompose", "s", "--rank", "2", "-q"),
        ("edit", "s", "base + shared_once(math, code) - law.unique", "-o", "once"),
        ("edit", "s", "base + math + code", "--basis", "b", "-o", "out"),
        ("edit", "--base", "base", "--vector", "m=math", "base - m", "-o", "other"),
        ("inspect", "out", "other"),
        ("store", "verify", "s"),
        ("store", "remove", "s", "law"),
        prelude=REFUSE_TORCH,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines().count("$ store remove s law") == 1


def test_a_torch_device_without_torch_says_what_to_install(models: Models, program: Program) -> None:
    words = ("edit", "--base", "base", "--vector", "m=math", "base + m", "-o", "out", "--device", "cuda")
    done = program(*words, prelude=REFUSE_TORCH)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "pip install 'taskvec[torch]'" in done.stderr
    assert not (models.folder / "out").exists()


def test_the_console_script_is_this_program() -> None:
    script = f"{sys.prefix}/bin/taskvec"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == "taskvec " + __import__("taskvec").__version__ + "\n"
