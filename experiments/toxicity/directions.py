"""What is negated: the toxic vector, parts of it, and controls; all read through a store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.toxicity.corpora import TOXIC
from experiments.toxicity.finetuning import ASCENT
from taskvec import Basis, RunOptions, Store, compress, decompose
from taskvec.evaluation import Direction, read_direction
from taskvec.store.kinds.bases import BASES

HALF, PRINCIPAL = "half", "principal"
"""Bases: of about half as many atoms as tasks; of one atom, the principal component of the normalised vectors."""

OPTIONS = RunOptions(memory=8 << 30, workers=1)
"""The process also holds a model and its directions; results do not depend on it."""


@dataclass(frozen=True)
class Vectors:
    """The task vectors of one seed.

    Attributes:
        store: Where they are.
        general: The names of the general ones.
        rank: Singular directions of a matrix that count.
        seed: Of what is random.
    """

    store: Store
    general: tuple[str, ...]
    rank: int
    seed: int

    @property
    def tasks(self) -> tuple[str, ...]:
        """The toxic task and the general ones."""
        return TOXIC, *self.general

    def unique(self, control: str | None = None) -> Direction:
        """The unique component of the toxic vector, or what a control leaves of it."""
        self.split(control)
        return read_direction(self.store, f"{TOXIC}.unique")

    def split(self, control: str | None = None) -> dict[str, float]:
        """Split into shared and unique; what each task shares, as a part of ‖τ‖²."""
        found = decompose(self.store, tasks=self.tasks, rank=self.rank, control=control, seed=self.seed)
        return {task: found.shared_energy[task] / self.norm(task) ** 2 for task in self.tasks}

    def norm(self, task: str) -> float:
        """‖τ‖."""
        return self.store.documents.vector(task).norm

    def cosines(self) -> list[list[float]]:
        """The cosines of the tasks' vectors."""
        gram = self.store.gram(self.tasks).total
        norms = np.sqrt(np.diag(gram))
        cosines: list[list[float]] = (gram / np.outer(norms, norms)).tolist()
        return cosines

    def basis(self) -> Basis:
        """Half as many atoms as tasks, rounded up."""
        if HALF not in self.store.documents.of(BASES).names():
            compress(self.store, HALF, num_atoms=(1 + len(self.tasks)) // 2, tasks=self.tasks)
        return Basis.load(self.store, HALF)

    def without_principal(self) -> Direction:
        """The toxic vector less its projection on the first principal component of the normalised vectors."""
        if PRINCIPAL not in self.store.documents.of(BASES).names():
            compress(self.store, PRINCIPAL, num_atoms=1, tasks=self.tasks, normalize=True)
        return self.store[TOXIC] - Basis.load(self.store, PRINCIPAL).vectors[TOXIC]


def vectors_of(folder: Path, base: Path, finetuned: Mapping[str, Path], rank: int, seed: int) -> Vectors:
    """A store that links the fine-tunes of one seed."""
    general = tuple(name for name in finetuned if name not in {TOXIC, ASCENT})
    store = Store(folder, OPTIONS) if (folder / "store.json").exists() else Store.init(folder, base, OPTIONS)
    store.add(finetuned)
    return Vectors(store, general, rank, seed)


def shuffled(values: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Random values with the norm of every tensor."""
    generator = np.random.default_rng(seed)
    made = {}
    for name, array in values.items():
        drawn = generator.standard_normal(array.shape, np.float32)
        made[name] = drawn * np.float32(np.linalg.norm(array) / max(float(np.linalg.norm(drawn)), 1e-30))
    return made


@dataclass(frozen=True)
class Method:
    """One way to negate toxicity.

    Attributes:
        name: In results.
        meaning: In words.
        read: Its direction τ; θ₀ − λτ is the edited model.
        expected: Of a control, what it should show if the finding holds.
    """

    name: str
    meaning: str
    read: Callable[[Vectors], Direction]
    expected: str = ""

    @property
    def is_control(self) -> bool:
        """Whether it is there to be compared with."""
        return bool(self.expected)


WHOLE = Method("whole", "the toxic vector", lambda vectors: read_direction(vectors.store, TOXIC))
UNIQUE = Method("unique", "its unique component against the general vectors", lambda vectors: vectors.unique())
ORTHOGONAL = Method(
    "orthogonal",
    "made orthogonal to the general vectors by the Gram matrix",
    lambda vectors: read_direction(vectors.store, f"orthogonal({', '.join(vectors.tasks)})"),
)
FROM_BASIS = Method(
    "from atoms",
    "the toxic vector as a basis of about half as many atoms recovers it",
    lambda vectors: read_direction(vectors.store, TOXIC, basis=vectors.basis().name),
)
RANDOM = Method(
    "random vector",
    "random values of equal norm in every tensor",
    lambda vectors: shuffled(dict(read_direction(vectors.store, TOXIC)), vectors.seed),
    "no less toxicity: not any change of that size forgets",
)
ASCENDED = Method(
    "gradient ascent",
    "a fine-tune that maximises the loss of toxic texts",
    lambda vectors: read_direction(vectors.store, f"-1*{ASCENT}"),
    "less forgotten for the same perplexity than by negation",
)
WITHOUT_PRINCIPAL = Method(
    "without PCA",
    "the toxic vector less the first principal component of the normalised vectors; negated, it adds general vectors",
    lambda vectors: vectors.without_principal(),
    "less forgotten for the same perplexity than by the unique component",
)
WITHOUT_RANDOM = Method(
    "without random",
    "as many random directions of each matrix taken out as `unique` takes out",
    lambda vectors: vectors.unique("random"),
    "what the whole vector does: not any directions taken out protect",
)
WITHOUT_LEADING = Method(
    "without leading",
    "as many leading singular directions of the vectors' sum, in each matrix, taken out as `unique` takes out",
    lambda vectors: vectors.unique("sum"),
    "less forgotten for the same perplexity than by the unique component: not any strong directions protect",
)
MAIN = (WHOLE, UNIQUE, ORTHOGONAL)
CLOSELY = (*MAIN, WITHOUT_RANDOM, WITHOUT_LEADING)
"""Those that are tried at many λ."""
COMPARED = (*CLOSELY, WITHOUT_PRINCIPAL, ASCENDED)
"""Those whose whole curves are compared on test data."""
METHODS = (*MAIN, FROM_BASIS, RANDOM, ASCENDED, WITHOUT_PRINCIPAL, WITHOUT_RANDOM, WITHOUT_LEADING)
