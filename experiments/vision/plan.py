"""How much is done: everything that decides a number of the experiment, in one place."""

from collections.abc import Iterator
from dataclasses import dataclass

from experiments.setting import Setting
from taskvec.training import Precision

LEARNING_RATE, LARGE_RATE = 1e-5, 5e-5
REVISION = 1  # raise it when the meaning of the code changes


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Attributes:
        num_tasks: Tasks, in the demo's order.
        steps: Of each fine-tune at the small learning rate.
        large_rate_steps: Of each at the large one, which is five times as large; 0 makes none.
        seeds: Of fine-tunes, and of what is random in methods; data and heads are the same for all.
        validation: Pictures a task by which λ is chosen.
        test: Pictures a task for results.
        atoms: M / T.
        rank: Directions of a matrix that count in decompositions.
        bases: Names of the bases that are compared at every M, of `directions.BASES`.
        variants: Names of those that are compared at the middle M alone.
        targets: How many tasks are negated, in the demo's order.
        precision: In which numbers models are measured; training is float32.
    """

    num_tasks: int = 8
    steps: int = 80
    large_rate_steps: int = 40
    seeds: tuple[int, ...] = (0, 1, 2)
    validation: int = 32
    test: int = 192
    atoms: tuple[float, ...] = (0.25, 0.5, 0.75)
    rank: int = 64
    bases: tuple[str, ...] = ("spectral", "autoencoder, adam", "pca", "subset, random", "subset, greedy", "random")
    variants: tuple[str, ...] = ("spectral, normalized", "spectral, int8", "autoencoder, varpro")
    targets: int = 2
    precision: Precision = "float32"

    def num_atoms(self, share: float) -> int:
        """M for a share of T."""
        return max(1, round(share * self.num_tasks))

    def steps_at(self, learning_rate: float) -> int:
        """Steps of a fine-tune."""
        return self.large_rate_steps if learning_rate == LARGE_RATE else self.steps

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates of fine-tunes."""
        return (LEARNING_RATE, LARGE_RATE) if self.large_rate_steps else (LEARNING_RATE,)

    @property
    def middle(self) -> float:
        """The M / T at which most is measured."""
        return sorted(self.atoms)[len(self.atoms) // 2]

    def compared_bases(self) -> Iterator[tuple[str, float]]:
        """Names of bases, each with its M / T, in the order of tables."""
        for share in self.atoms:
            yield from ((name, share) for name in self.bases)
            if share == self.middle:
                yield from ((name, share) for name in self.variants)


FAST = Plan(
    num_tasks=4,
    steps=32,
    seeds=(0,),
    large_rate_steps=0,
    validation=24,
    test=96,
    atoms=(0.5,),
    bases=("spectral", "pca"),
    variants=(),
    targets=1,
)


def plan_for(setting: Setting) -> Plan:
    """The whole experiment, or its subset."""
    return FAST if setting.is_fast else Plan(seeds=setting.seeds)
