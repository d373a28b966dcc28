"""Everything that is added to the base: expressions over a store, a basis of it, or its shared and unique parts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.vision.plan import Plan
from taskvec import Store, compress, decompose
from taskvec.editing.scope.over_basis import Addition
from taskvec.evaluation import read_direction
from taskvec.store.kinds.bases import BASES as STORED
from taskvec.types import DType

BASES: Mapping[str, Mapping[str, Any]] = {
    "spectral": {"method": "spectral"},
    "spectral, normalized": {"method": "spectral", "normalize": True},
    "spectral, int8": {"method": "spectral", "dtype": DType.I8},
    "autoencoder, adam": {"method": "autoencoder", "options": {"solver": "adam", "rescale": True}},
    "autoencoder, varpro": {"method": "autoencoder", "options": {"solver": "varpro", "rescale": True}},
    "pca": {"method": "pca"},
    "random": {"method": "random"},
    "subset, random": {"method": "subset", "options": {"choice": "random"}},
    "subset, greedy": {"method": "subset", "options": {"choice": "greedy"}},
}
"""Name → keywords of `taskvec.compress`."""

SEEDED = ("random", "subset, random", "autoencoder, adam", "autoencoder, varpro")
"""The bases that draw at random."""

LARGE_RATE_NAMES = ("task arithmetic", "TIES", "DARE", "AWD", "TSV-Merge", "Iso-C", "shared counted once")
"""What is added of fine-tunes at the large learning rate."""

SPLITS: Mapping[str, Mapping[str, Any]] = {
    "shared": {},
    "random": {"control": "random"},
    "top": {"control": "sum"},
    "chain": {"subspace": "chain", "threshold": 0.85},
}
"""Name → keywords of `taskvec.decompose`: the shared subspace, and what stands in its place."""


@dataclass(frozen=True)
class BasisOf:
    """A basis of all tasks.

    Attributes:
        name: Of `BASES`.
        num_atoms: M.
    """

    name: str
    num_atoms: int


@dataclass(frozen=True)
class Direction:
    """What is added to the base, times λ.

    Attributes:
        name: In words.
        expression: Over a store.
        basis: The basis from which the vectors are recovered.
        addition: Whether recovered vectors or atoms are added and merged.
        split: The decomposition that the expression needs, of `SPLITS`.
        seeded: Whether the seed decides more than the fine-tunes.
    """

    name: str
    expression: str
    basis: BasisOf | None = None
    addition: Addition = "recovered"
    split: str | None = None
    seeded: bool = False

    @property
    def label(self) -> str:
        """The name, with the number of atoms where there are some."""
        return self.name if self.basis is None else f"{self.name}, M = {self.basis.num_atoms}"


@dataclass
class Workshop:
    """A store of fine-tunes, and whatever was last made in it.

    Attributes:
        store: The store.
        plan: The run.
        seed: The key of what is random.
        facts: Basis or decomposition → what it said of itself.
    """

    store: Store
    plan: Plan
    seed: int
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    _split: str | None = None

    def values(self, direction: Direction) -> dict[str, Any]:
        """Tensor → values of a direction, computed by the library from the store."""
        if direction.split is not None:
            self.use_split(direction.split)
        basis = None if direction.basis is None else self.use_basis(direction.basis)
        return read_direction(self.store, direction.expression, basis=basis, addition=direction.addition)

    def use_split(self, name: str) -> None:
        """Decompose, unless that is how the store is split now."""
        if self._split != name:
            found = decompose(self.store, rank=self.plan.rank, seed=self.seed, **SPLITS[name])
            energy = {task: facts["shared_energy"] for task, facts in found.to_json()["tasks"].items()}
            self.facts[f"split {name}"] = {"dimensions": found.shared_dimensions, "energy": energy}
            self._split = name

    def use_basis(self, wanted: BasisOf) -> str:
        """The name of a basis in the store; the one before is removed, so that one is on disk at a time."""
        name = f"b{list(BASES).index(wanted.name)}_{wanted.num_atoms}"
        documents = self.store.documents
        if name not in documents.of(STORED).names():
            for old in documents.of(STORED).names():
                documents.of(STORED).remove(old)
            seed = {"seed": self.seed} if wanted.name in SEEDED else {}
            made = compress(self.store, name, num_atoms=wanted.num_atoms, **BASES[wanted.name], **seed)
            self.facts[f"basis {wanted.name} {wanted.num_atoms}"] = {
                "relative_error": made.certificate.relative_error,
                "sum_error": made.certificate.sum_error,
                "bytes": made.document.nbytes,
                "original_bytes": made.original_bytes,
            }
        return name


def merges(names: Sequence[str], seed: int) -> Iterator[Direction]:
    """The published merges of all tasks."""
    tasks = ", ".join(names)
    yield Direction("task arithmetic", f"sum({tasks})")
    yield Direction("TIES", f"ties({tasks}, density=0.2)")
    yield Direction("DARE", f"dare_linear({tasks}, density=0.1, seed={seed})", seeded=True)
    yield Direction("AWD", f"awd({tasks})")
    yield Direction("TSV-Merge", f"tsv({tasks})")
    yield Direction("Iso-C", f"iso_c({tasks})")


def sharing(names: Sequence[str]) -> Iterator[Direction]:
    """Merges by shared and unique components, and their controls; task arithmetic is their μ = 0."""
    tasks = ", ".join(names)
    shared, unique = (", ".join(f"{name}.{part}" for name in names) for part in ("shared", "unique"))
    once, again = f"shared_once({tasks})", f"sum({tasks}) + {{}}*sum({shared})"
    yield Direction("shared counted once", once, split="shared")
    yield Direction("shared added again, μ = λ", again.format(1), split="shared")
    yield Direction("shared added again, μ = λ/2", again.format(0.5), split="shared")
    yield Direction("unique alone", f"sum({unique})", split="shared")
    yield Direction("shared alone", f"sum({shared})", split="shared")
    yield Direction("control: random subspace counted once", once, split="random", seeded=True)
    yield Direction("control: random subspace added again", again.format(1), split="random", seeded=True)
    yield Direction("control: top-SVD counted once", once, split="top")
    yield Direction("control: top-SVD added again", again.format(1), split="top")


def over_bases(names: Sequence[str], plan: Plan) -> Iterator[Direction]:
    """Addition from every basis, and TIES over the default one."""
    tasks = ", ".join(names)
    for name, share in plan.compared_bases():
        basis, seeded = BasisOf(name, plan.num_atoms(share)), name in SEEDED
        yield Direction(f"{name}, recovered", f"sum({tasks})", basis, seeded=seeded)
        yield Direction(f"{name}, atoms", f"sum({tasks})", basis, "atoms", seeded=seeded)
        if name == "spectral" and share == plan.middle:
            ties = f"ties({tasks}, density=0.2)"
            yield Direction("TIES over the recovered vectors", ties, basis)
            yield Direction("TIES on the atoms", ties, basis, "atoms")
