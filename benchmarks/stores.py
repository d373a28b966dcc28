"""Stores to measure with: made once for a question, copied before every run, so that each run finds the same."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.families import Family
from benchmarks.measuring import Contender
from benchmarks.setting import Setting, taskvec


class Stores:
    """A store of all fine-tunes of a family but the last, and copies of it; vectors are linked, so copies are small."""

    def __init__(self, setting: Setting, family: Family, suffix: str = "") -> None:
        self._setting = setting
        self._suffix = suffix
        self._newest = family.named_refs[-1]
        self._template = setting.fresh(f"store-template{suffix}")
        _call("store", "init", self._template, "--base", family.base)
        _call("store", "add", self._template, *family.named_refs[:-1])

    def similarity(self, label: str) -> Contender:
        """Compare all vectors; no product is known."""
        store, prepare = self._copy("similarity", _forget_gram)
        return Contender(label, [taskvec(), "similarity", store, "-q"], prepare)

    def compress(self, num_atoms: int, label: str, *, gram_known: bool) -> Contender:
        """Compress all vectors by the spectrum of their Gram matrix."""
        store, prepare = self._copy("compress", _complete_gram if gram_known else _forget_gram)
        options = ["--basis", "atoms", "--atoms", str(num_atoms), "--json"]
        return Contender(label, [taskvec(), "compress", store, *options], prepare)

    def fit_on(self, num_fitted: int, label: str) -> Contender:
        """Compress some vectors to half as many atoms and project the others; known is what adding them measured."""
        store, prepare = self._copy("fit-on")
        options = ["--basis", "atoms", "--atoms", str(num_fitted // 2), "--fit-on", str(num_fitted), "--json"]
        return Contender(label, [taskvec(), "compress", store, *options], prepare)

    def add_ninth(self) -> Contender:
        """Add the last fine-tune."""
        store, prepare = self._copy("add", _complete_gram)
        return Contender("add a 9th vector", [taskvec(), "store", "add", store, self._newest, "-q"], prepare)

    def complete_gram(self) -> Contender:
        """Find the products of the last fine-tune, added already, with the others."""
        store, prepare = self._copy("row", _complete_gram, lambda copy: _call("store", "add", copy, self._newest))
        return Contender("its row of the Gram matrix", [taskvec(), "similarity", store, "-q"], prepare)

    def _copy(self, name: str, *changes: Callable[[Path], None]) -> tuple[Path, Callable[[], None]]:
        path = self._setting.scratch / f"store-{name}{self._suffix}"

        def prepare() -> None:
            shutil.copytree(self._template, self._setting.fresh(path.name))
            for change in changes:
                change(path)

        return path, prepare


def _complete_gram(store: Path) -> None:
    _call("similarity", store)


def _forget_gram(store: Path) -> None:
    for known in (store / "gram").iterdir():
        known.unlink()


def _call(*words: str | Path) -> None:
    """Run ``taskvec`` unmeasured.

    Raises:
        BenchmarkError: If it fails; its error line is in the message.
    """
    done = subprocess.run([taskvec(), *words, "-q"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"taskvec {' '.join(map(str, words[:2]))}: {done.stderr.strip()}")
