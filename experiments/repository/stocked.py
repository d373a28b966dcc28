"""All fine-tunes of one seed, stores of some of them, and what a recovered vector can still do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from experiments.repository import heads
from experiments.repository.learning import MODEL, Learned, read
from taskvec import Store, TaskVector
from taskvec.evaluation import InPlace


@dataclass(frozen=True)
class Stock:
    """The fine-tunes of one seed.

    Attributes:
        base: The base's folder.
        learned: Name of a task → what was learned.
        seed: Of halves, noise and batches.
    """

    base: Path
    learned: Mapping[str, Learned]
    seed: int

    @cached_property
    def identity(self) -> list[str]:
        """What changes with any weight."""
        return [self.base.name, *(found.folder.name for found in self.learned.values())]

    @property
    def names(self) -> tuple[str, ...]:
        """All tasks."""
        return tuple(self.learned)

    @contextmanager
    def store(self, names: Sequence[str] | None = None) -> Generator[Store]:
        """A store of some of the fine-tunes (of all, if none are named) that is gone afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            store = Store.init(Path(folder) / "store", self.base / MODEL)
            store.add({name: self.learned[name].model for name in (self.names if names is None else names)})
            yield store

    def accuracies(self, vectors: Mapping[str, TaskVector]) -> dict[str, float]:
        """Test accuracy on its own task of base + vector, each alone.

        Args:
            vectors: Task → what stands for its task vector.
        """
        return {name: self._accuracy(name, vector) for name, vector in vectors.items()}

    def _accuracy(self, name: str, vector: TaskVector) -> float:
        with InPlace(read(self.base), {name: vector}) as model:
            return self._own(name, model.with_coefficients({name: 1.0}))

    def base_accuracies(self, names: Collection[str]) -> dict[str, float]:
        """Test accuracy of the base on some tasks, each under its own head."""
        network = read(self.base)
        return {name: self._own(name, network) for name in names}

    def _own(self, name: str, network: object) -> float:
        found = self.learned[name]
        return heads.accuracy(network, found.head, found.test)


Progress = Callable[[str], None]
