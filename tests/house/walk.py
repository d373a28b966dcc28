"""What a reader of one command passes: modules, functions, changes of folder, and how often each pass is planned.

``python tests/house/walk.py`` prints the figures of three commands over checkpoints of 56 parameters; with the words
of a command behind it, those of that command alone, as JSON. A module is passed when one of its functions is called,
but for what an import runs; kernels run as the Python that they are written in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from taskvec import Store
from taskvec import __file__ as package
from taskvec.testing.checkpoints import save_folder

PACKAGE = Path(package).parent
COMMANDS = (
    ("edit", "store", "base + 0.4*(a + b)", "-o", "out"),
    ("edit", "store", "base + ties(a, b)", "-o", "out"),
    ("compress", "store", "--atoms", "1", "--basis", "two"),
)


class Walk:
    """Follows the calls of a thread and of those that it starts.

    Attributes:
        functions: Each function that was called, in the order of the first calls: its module, its name, its line.
        planned: How often each pass was planned, by its label.
    """

    def __init__(self) -> None:
        self.functions: dict[tuple[str, str, int], None] = {}
        self.planned: Counter[str] = Counter()
        self._imports = 0

    def __enter__(self) -> Walk:
        threading.setprofile(self._follow)
        sys.setprofile(self._follow)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def figures(self) -> dict[str, Any]:
        """Return what was counted."""
        folders = [module.rpartition("/")[0] for module, _, _ in self.functions]
        return {
            "modules": len({module for module, _, _ in self.functions}),
            "functions": len(self.functions),
            "changes": sum(one != other for one, other in pairwise(folders)),
            "planned": dict(self.planned),
        }

    def _follow(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if code.co_name == "<module>":
            self._imports += {"call": 1, "return": -1}.get(event, 0)
        if event != "call" or self._imports or not code.co_filename.startswith(f"{PACKAGE}/"):
            return
        module = code.co_filename.removeprefix(f"{PACKAGE}/").removesuffix(".py")
        self.functions[module, code.co_qualname, code.co_firstlineno] = None
        if code.co_qualname == "plan_pass":
            self.planned[frame.f_locals["label"]] += 1


def figures_of(words: Sequence[str]) -> dict[str, Any]:
    """Return the figures of one command, walked in a process of its own.

    Args:
        words: The command; it finds a store of the two vectors ``a`` and ``b`` where it runs.

    Returns:
        The figures.
    """
    with tempfile.TemporaryDirectory() as folder:
        _make_store(Path(folder))
        done = subprocess.run(
            [sys.executable, str(Path(__file__).absolute()), *words],
            cwd=folder, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _make_store(folder: Path) -> None:
    values = np.random.default_rng(0)
    shapes = {"embed.weight": (4, 4), "layer.weight": (8, 4), "scale": (8,)}
    for name in ("base", "a", "b"):
        arrays = {tensor: values.standard_normal(shape, np.float32) for tensor, shape in shapes.items()}
        save_folder(folder / name, arrays)
    Store.init(folder / "store", folder / "base").add({name: folder / name for name in "ab"})


def _walked(words: Sequence[str]) -> dict[str, Any]:
    with Walk() as walk:
        from taskvec.cli.main import command_line

        command_line(words[:1])([*words, "-j", "1", "--quiet"], standalone_mode=False)
    return walk.figures()


def main() -> None:
    """Print the figures of one command, or of all."""
    if sys.argv[1:]:
        sys.stdout.write(json.dumps(_walked(sys.argv[1:])))
        return
    for words in COMMANDS:
        found = figures_of(words)
        counts = "{modules} modules, {functions} functions, {changes} changes of folder".format(**found)
        planned = ", ".join(f"{label} ×{times}" for label, times in found["planned"].items())
        sys.stdout.write(f"{' '.join(words)}\n  {counts}\n  {planned}\n")


if __name__ == "__main__":
    main()
