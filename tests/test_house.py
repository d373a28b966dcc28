"""What holds for the whole repository: floors, docstrings, names, and an import path that never touches torch."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import taskvec

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "taskvec"
MODULES = sorted(PACKAGE.rglob("*.py"))
MATHEMATICS = {"expressions", "linalg", "methods"}
WITH_FILES = {"io", "os", "pathlib", "shutil", "subprocess", "tempfile", "safetensors", "json"}
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
ROOTS = (ROOT, PACKAGE)
NAMES_A_PATH = (
    r"`([\w.<>-]+(?:/[\w.<>-]*)+)`",  # `with/slashes` and nothing else
    r"`([\w<>-]+\.(?:py|md|toml))`",  # `file.py`
    r"\]\(([^)#:\s]+)\)",  # [links](docs/page.md), but not to other places
    r"(?<![\w./-])((?:src|tests|docs)/[\w./<>-]*\w)",  # in commands, lists and prose too
    r"(?m)^(\w+/)\s",  # the floors
)
"""What in a document is the name of a file or folder of this repository."""

IMPORT_WITHOUT_TORCH = """
import importlib, sys

class Refusal:
    asked = []

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            self.asked.append(name)
            raise ImportError("torch is not installed here")

sys.meta_path.insert(0, Refusal())
for name in sys.argv[1:]:
    importlib.import_module(name)
    if Refusal.asked:
        sys.exit(f"{name} imports torch")
"""


def dotted(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def test_a_module_imports_only_from_lower_floors() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_its_floor() -> None:
    floors, *_ = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert floors["exhaustive"] is True
    known = {name.strip() for layer in floors["layers"] for name in layer.split("|")}
    assert {floor(file) for file in MODULES} - known == {"__init__", "testing"}


@pytest.mark.parametrize("file", [file for file in MODULES if floor(file) in MATHEMATICS], ids=dotted)
def test_mathematics_opens_no_file(file: Path) -> None:
    imported = {
        name.name if isinstance(node, ast.Import) else node.module or ""
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert {name.partition(".")[0] for name in imported} & WITH_FILES == set()


@pytest.mark.parametrize("file", MODULES, ids=dotted)
def test_a_module_says_what_it_is_for(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", MODULES, ids=dotted)
def test_a_module_is_one_idea_with_a_name(file: Path) -> None:
    assert file.stem not in {"utils", "util", "helpers", "helper", "common", "misc", "core"}
    assert len(file.read_text(encoding="utf-8").splitlines()) < 400


def documented(value: object) -> bool:
    """Whether a docstring was written for the very object, not inherited or made by ``dataclass``."""
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    return bool(text) and not text.startswith(f"{value.__name__}(")


@pytest.mark.parametrize("name", [name for name in taskvec.__all__ if name != "__version__"])
def test_a_public_name_is_documented_with_all_its_methods(name: str) -> None:
    value = getattr(taskvec, name)
    assert documented(value), name
    members = vars(value) if inspect.isclass(value) else {}
    undocumented = [
        member
        for member, attribute in members.items()
        if not member.startswith("_")
        and (inspect.isroutine(attribute) or isinstance(attribute, property | classmethod | staticmethod))
        and not attribute.__doc__
    ]
    assert undocumented == []


def test_every_name_that_is_exported_exists() -> None:
    assert [name for name in taskvec.__all__ if not hasattr(taskvec, name)] == []
    assert len(set(taskvec.__all__)) == len(taskvec.__all__)


def test_no_command_needs_torch_to_be_imported() -> None:
    names = [dotted(file) for file in MODULES if file.stem != "__main__" and floor(file) != "testing"]
    command = [sys.executable, "-c", IMPORT_WITHOUT_TORCH, "taskvec", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""


def test_continuous_integration_only_calls_make() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    first, *lines = script.read_text(encoding="utf-8").splitlines()
    assert first == "#!/usr/bin/env bash"
    assert lines == ["set -euo pipefail", "make check test"]


@pytest.mark.parametrize(
    "target", ["check", "test", "mutants", "pages", "demo", "bench", "experiments", "experiment-NAME", "clean", "help"]
)
def test_make_has_the_target_and_helps_with_it(target: str) -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"make {target} " in done.stdout


def named_paths(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return sorted({name for pattern in NAMES_A_PATH for name in re.findall(pattern, text)})


def is_here(name: str) -> bool:
    """Whether a path leads somewhere: from the repository or from the package; a mere file name, anywhere in them.

    Of a path with a place for a name, ``methods/<method>.py``, the folder must exist. What running makes need not.
    """
    folder, placeholder, _ = name.partition("<")
    if placeholder:
        name = folder.rpartition("/")[0]
    if f"{name.partition('/')[0]}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines():
        return True
    if "/" not in name:
        return (ROOT / name).exists() or any(next((ROOT / top).rglob(name), None) for top in ("src", "tests"))
    return any((root / name).exists() for root in ROOTS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    assert [name for name in named_paths(document) if not is_here(name)] == []


def test_paths_are_found_wherever_a_document_names_them() -> None:
    assert {"docs/cli.md", "docs/images/accuracy.png", "demo-output/report.html"} <= set(named_paths("README.md"))
    assert {"streaming/", "testing/", "docs/decisions"} <= set(named_paths("ARCHITECTURE.md"))
    assert {"src/taskvec/methods/ways/<name>.py", "pyproject.toml"} <= set(named_paths("CONTRIBUTING.md"))
    assert [is_here(name) for name in ("src/taskvec/<no>/x.py", "tests/nowhere.py", "nobody.py", "nothing/")] == [
        True, False, False, False
    ]  # fmt: skip


def test_no_two_test_files_share_a_name() -> None:
    """Test folders are no packages, so that a second module of one name would be taken for the first."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted({name for name in names if names.count(name) > 1}) == []
