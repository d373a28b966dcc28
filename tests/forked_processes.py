"""Processes that begin where the package is imported already: a fresh start without its half second of imports."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from taskvec import Basis, Store, TaskVector, compress, decompose, edit, merge, similarity  # noqa: F401

_FORKING = multiprocessing.get_context("forkserver")
_STREAMS = ("stdout", "stderr")


@dataclass(frozen=True)
class Ended:
    """How a process ended: its status, minus the signal that killed it, and the words that it left."""

    returncode: int | None
    stdout: str
    stderr: str


def in_forked_process(function: Callable[..., object], *arguments: object) -> Ended:
    """Call a function of some module in a process that ends with it."""
    _prepare()
    with tempfile.TemporaryDirectory() as folder:
        process = _FORKING.Process(target=_call, args=(Path(folder), function, arguments))
        process.start()
        process.join()
        return Ended(process.exitcode, *((Path(folder) / name).read_text(encoding="utf-8") for name in _STREAMS))


@functools.cache
def _prepare() -> None:
    """Start the process that others are forked from; it imports this module, if it is told where to find it."""
    _FORKING.set_forkserver_preload([__name__])
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, paths))):
        first = _FORKING.Process()
        first.start()
        first.join()


def _call(folder: Path, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    for name in _STREAMS:
        with (folder / name).open("wb") as file:
            os.dup2(file.fileno(), getattr(sys, name).fileno())
    function(*arguments)
