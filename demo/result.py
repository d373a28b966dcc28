"""What a run found, and what can honestly be said of it."""

import math
from dataclasses import dataclass

from demo.commandline import Json
from demo.evaluation import Accuracies, mean
from demo.scaling import Search


@dataclass(frozen=True)
class TaskFacts:
    """The pictures of one task."""

    title: str
    num_classes: int
    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Merge:
    """One merged checkpoint: its λ and what it gets right.

    Attributes:
        expression: What `taskvec edit` was given.
        search: The chosen λ and the mean validation accuracy of every candidate.
        accuracy: Test accuracy by task, measured once on the written checkpoint.
    """

    expression: str
    search: Search
    accuracy: Accuracies


@dataclass(frozen=True)
class Findings:
    """Everything a reader may want to check; accuracies are on test pictures."""

    tasks: dict[str, TaskFacts]
    pixels: Accuracies
    base: Accuracies
    finetuned: Accuracies
    all_vectors: Merge
    from_basis: Merge
    similarity: Json
    compression: Json
    onnx_difference: float
    settings: dict[str, object]
    seconds: dict[str, float]

    def rows(self) -> dict[str, Accuracies]:
        """Test accuracies by kind of model, in the order of the table."""
        return {
            "raw pixels": self.pixels,
            "base": self.base,
            "own fine-tune": self.finetuned,
            "sum of all": self.all_vectors.accuracy,
            "sum from basis": self.from_basis.accuracy,
        }

    def verdict(self) -> str:
        """One honest sentence: where the checkpoint written from the atoms beats the base, and where not."""
        gains = self.gains()
        worse = [name for name, gain in gains.items() if gain <= 0]
        atoms, mean_gain = self.compression["num_atoms"], 100 * mean(gains)
        better = f"better on {len(gains) - len(worse)} of {len(gains)} tasks ({len(self.within_noise())} within noise)"
        exception = f"; NOT better on {', '.join(worse)}" if worse else ""
        return f"One checkpoint from {atoms} atoms against the base: mean {mean_gain:+.1f} points, {better}{exception}."

    def noise(self) -> str:
        """How large a difference must be to mean something, and which gains are smaller than that."""
        errors = self.standard_errors()
        of_mean = 100 * math.sqrt(sum(error**2 for error in errors.values())) / len(errors)
        names = ", ".join(self.within_noise()) or "none"
        largest = 100 * max(errors.values())
        return f"Standard errors: mean {of_mean:.1f} points, a task {largest:.1f} or less. Gains within one: {names}."

    def gains(self) -> Accuracies:
        """Accuracy of the checkpoint from the atoms minus that of the base, by task."""
        return {name: self.from_basis.accuracy[name] - base for name, base in self.base.items()}

    def within_noise(self) -> list[str]:
        """The tasks whose gain or loss is smaller than one standard error."""
        errors = self.standard_errors()
        return [name for name, gain in self.gains().items() if abs(gain) < errors[name]]

    def standard_errors(self) -> dict[str, float]:
        """Of the base's accuracy, from the number of test pictures alone (binomial)."""
        return {
            name: math.sqrt(self.base[name] * (1 - self.base[name]) / facts.test) for name, facts in self.tasks.items()
        }
