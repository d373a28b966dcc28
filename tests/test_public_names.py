"""What users import: public packages say their names, all of them exist, and the documentation reaches no deeper."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "methods").glob("*.md"))]
PACKAGES = (
    "taskvec",
    "taskvec.adapters",
    "taskvec.bases",
    "taskvec.checkpoints",
    "taskvec.checkpoints.vocabulary",
    "taskvec.components",
    "taskvec.evaluation",
    "taskvec.evaluation.language_modelling",
    "taskvec.merging",
    "taskvec.methods",
    "taskvec.reports",
    "taskvec.results",
    "taskvec.store",
    "taskvec.streaming",
    "taskvec.training",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_exists(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__) > 0
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert set(module.__all__) <= {*dir(module), "__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        module.nothing  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_is_hidden_by_a_module(package: str) -> None:
    """A module takes its own name in its package when it is imported, in place of a name that is imported later."""
    module = importlib.import_module(package)
    for found in pkgutil.iter_modules(module.__path__):
        if found.name in module.__all__:
            importlib.import_module(f"{package}.{found.name}")
    assert [name for name in module.__all__ if inspect.ismodule(getattr(module, name))] == []


def imports(text: str) -> set[tuple[str, str]]:
    """Every name of the library that a page takes from a module: in imports, and written out with dots."""
    taken = set()
    for module, names in re.findall(r"^from (taskvec[\w.]*) import ([\w, ]+)", text, re.MULTILINE):
        taken |= {(module, name.strip()) for name in names.split(",")}
    for path in re.findall(r"`(taskvec(?:\.\w+)+)", text):
        module, _, name = path.rpartition(".")
        taken.add((module, name))
    return taken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_documentation_takes_only_public_names(page: Path) -> None:
    for module, name in imports(page.read_text(encoding="utf-8")):
        if f"{module}.{name}" not in PACKAGES:
            assert module in PACKAGES, f"{page.name}: {module}.{name}"
            assert name in importlib.import_module(module).__all__, f"{page.name}: {module}.{name}"
