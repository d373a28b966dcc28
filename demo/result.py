"""What a run found: the content of result.json, and of the table and the bars."""

import json
import math
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from demo.commandline import Json
from demo.evaluation import Accuracies, mean
from demo.scaling import Search

LIBRARIES = ("taskvec", "torch", "transformers", "numpy", "scikit-learn", "onnxruntime")


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
class Result:
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
        edited, base = self.from_basis.accuracy, self.base
        worse = [name for name in base if edited[name] <= base[name]]
        gain = 100 * (mean(edited) - mean(base))
        atoms = self.compression["num_atoms"]
        start = f"One checkpoint written from {atoms} atoms against the base: mean {gain:+.1f} points"
        if not worse:
            return f"{start}, better on all {len(base)} tasks."
        return f"{start}, better on {len(base) - len(worse)} of {len(base)} tasks; NOT better on {', '.join(worse)}."

    def standard_error(self) -> float:
        """Of a mean test accuracy, from the number of test pictures alone (binomial, at the base's accuracies)."""
        variances = [self.base[name] * (1 - self.base[name]) / facts.test for name, facts in self.tasks.items()]
        return math.sqrt(sum(variances)) / len(variances)

    def write(self, file: Path) -> None:
        """Save as JSON, with the versions that made it."""
        versions = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
        text = json.dumps(asdict(self) | {"versions": versions, "verdict": self.verdict()}, indent=2, default=str)
        file.write_text(text + "\n", encoding="utf-8")
