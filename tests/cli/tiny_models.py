"""What the tests of the command line share: a base with four fine-tunes, and what a command answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.testing.checkpoints import save_folder

Arrays = dict[str, NDArray[Any]]
TASKS = ("code", "law", "math", "toxic")


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        (line,) = self.stdout.splitlines()
        return json.loads(line)


@dataclass(frozen=True)
class Models:
    """A base and four fine-tunes of it, in a folder that is the working directory."""

    folder: Path
    base: Arrays
    tasks: dict[str, Arrays]

    def delta(self, name: str, tensor: str) -> NDArray[Any]:
        return self.tasks[name][tensor].astype(np.float64) - self.base[tensor]

    def save(self, name: str, arrays: Arrays, **how: Any) -> str:
        save_folder(self.folder / name, arrays, **how)
        return name


Command = Callable[..., Answer]


def tiny_base(rng: np.random.Generator) -> Arrays:
    return {
        "embed.weight": rng.normal(size=(12, 8)).astype(np.float32),
        "layer.weight": rng.normal(size=(8, 8)).astype(np.float32),
        "layer.bias": np.zeros(8, np.float32),
        "positions": np.arange(8, dtype=np.int64),
        "scale": np.float32(1.0).reshape(()),
    }
