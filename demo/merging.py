"""Merge: choose λ on validation pictures, let `taskvec edit` write the checkpoint, test what it wrote once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch.nn import Module

from demo import backbone, scaling
from demo.cache import Cache, file_key, key
from demo.commandline import CommandLine
from demo.evaluation import Accuracies, Part, accuracies, mean
from demo.progress import Reporter
from demo.result import Merge
from demo.study import Study
from taskvec import TaskVector
from taskvec.evaluation import InPlace


@dataclass(frozen=True)
class Bench:
    """What merging works with."""

    base: Path
    store: Path
    studies: Sequence[Study]
    command: CommandLine
    cache: Cache
    reporter: Reporter


def merge(bench: Bench, basis: str | None, out: Path) -> Merge:
    """The checkpoint base + λ · (sum of all vectors), with the vectors recovered from `basis` if one is named."""
    names = " + ".join(study.task.name for study in bench.studies)
    words = ["--basis", basis] if basis else []
    vector = out.with_name(f"{out.name}-vector")
    bench.command("edit", bench.store, names, "-o", vector, *words)
    search = _search(bench, vector)
    expression = f"base + {search.scaling:g}*({names})"
    bench.command("edit", bench.store, expression, "-o", out, *words)
    return Merge(expression, search, _test(bench, out))


def _search(bench: Bench, vector: Path) -> scaling.Search:
    content = file_key(list(vector.glob("*.safetensors")))
    model = InPlace(backbone.read(bench.base), {"sum": TaskVector(bench.base, vector)})

    def score(candidate: float) -> float:
        named = _name(bench, "val", vector=content, base=bench.base.name, scaling=candidate)
        found = mean(
            bench.cache.value(named, lambda: _measure(bench, model.with_coefficients({"sum": candidate}), "val"))
        )
        bench.reporter.note(f"λ = {candidate:g}: {100 * found:.1f} % on validation pictures")
        return found

    return scaling.choose(score)


def _test(bench: Bench, checkpoint: Path) -> Accuracies:
    named = _name(bench, "test", checkpoint=file_key(list(checkpoint.glob("*.safetensors"))))
    found: Accuracies = bench.cache.value(named, lambda: _measure(bench, backbone.read(checkpoint), "test"))
    return found


def _measure(bench: Bench, model: Module, part: Part) -> Accuracies:
    counted = bench.reporter.track(bench.studies, f"{part} pictures", len(bench.studies))
    return accuracies(model, counted, part)


def _name(bench: Bench, part: Part, **ingredients: object) -> str:
    return f"accuracy-{key(part=part, heads=[study.name for study in bench.studies], **ingredients)}"
