"""Records by their names, and records that are found by their files."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from taskvec.errors import CompositionError
from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.linalg.subspaces import SUBSPACE_METHODS
from taskvec.methods import METHODS
from taskvec.registry import Registry, hint, nearest
from taskvec.streaming.executors import EXECUTORS

FRUIT = Registry("fruit", CompositionError, {"apple": 1, "pear": 2})
MODULES = {
    "orchard/__init__.py": "",
    "orchard/trees/__init__.py": "raise RuntimeError('nobody asked for a tree')",
    "orchard/trees/kinds/__init__.py": "",
    "orchard/trees/kinds/pear.py": "pear = 2",
    "orchard/trees/kinds/apple.py": "apple = 1",
}
LIST = "from taskvec.registry import OneFileEach; print(*OneFileEach('orchard.trees.kinds'))"
LOOK = """
import sys
from taskvec.registry import OneFileEach
found = OneFileEach('orchard.kinds')
assert 'orchard.kinds.pear' not in sys.modules
print(found['pear'], 'plum' in found, 'orchard.kinds.apple' in sys.modules)
"""


def test_a_name_that_is_there_is_found() -> None:
    assert (FRUIT.find("pear"), FRUIT["apple"], list(FRUIT), len(FRUIT)) == (2, 1, ["apple", "pear"], 2)
    assert repr(FRUIT) == "<Registry of fruit: apple, pear>"


def test_a_name_that_is_not_there_is_refused_with_the_nearest_and_with_all() -> None:
    with pytest.raises(
        CompositionError, match=r"^unknown fruit 'aple' \(did you mean 'apple'\?\): use one of apple, pear$"
    ):
        FRUIT.find("aple")
    with pytest.raises(CompositionError, match=r"^unknown fruit 'kiwi': use one of apple, pear$"):
        FRUIT.find("kiwi")
    with pytest.raises(KeyError):
        FRUIT["aple"]


def test_a_word_that_resembles_none_has_no_hint_and_capitals_make_no_difference() -> None:
    assert not hint("kiwi", FRUIT)
    assert hint("APLE", FRUIT) == " (did you mean 'apple'?)"
    assert nearest("apple", ["Apples", "pear"]) == "Apples"


def test_what_was_meant_is_looked_for_in_one_place() -> None:
    package = Path(__file__).parents[1] / "src" / "taskvec"
    looking = [path.name for path in package.rglob("*.py") if "get_close_matches" in path.read_text(encoding="utf-8")]
    assert looking == ["registry.py"]


@pytest.mark.parametrize("registry", [METHODS, BASIS_METHODS, SUBSPACE_METHODS, EXECUTORS], ids=repr)
def test_a_record_bears_the_name_by_which_it_is_found(registry: Registry) -> None:
    assert registry
    assert {name: record.name for name, record in registry.items()} == {name: name for name in registry}


def answer(code: str, path: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def in_a_folder(modules: dict[str, str], place: Path) -> Path:
    for name, text in modules.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return place


def in_a_zip(modules: dict[str, str], place: Path) -> Path:
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        for name, text in modules.items():
            archive.writestr(name, text)
    return place / "all.zip"


@pytest.mark.parametrize("packed", [in_a_folder, in_a_zip])
def test_files_are_listed_in_order_and_nothing_is_imported(packed: object, tmp_path: Path) -> None:
    assert answer(LIST, packed(MODULES, tmp_path)) == "apple pear"


@pytest.mark.parametrize("packed", [in_a_folder, in_a_zip])
def test_a_record_is_imported_alone_and_when_it_is_asked_for(packed: object, tmp_path: Path) -> None:
    modules = {name.replace("/trees", ""): text for name, text in MODULES.items() if "trees/__init__" not in name}
    assert answer(LOOK, packed(modules, tmp_path)) == "2 False False"
