"""The whole demo, step by step."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from demo import backbone, bars, checkpoints, workspace
from demo.cache import Cache, key
from demo.commandline import CommandLine, Json
from demo.evaluation import accuracy
from demo.merging import Bench, merge
from demo.progress import Reporter
from demo.publishing import publish
from demo.result import Findings, TaskFacts
from demo.settings import Settings
from demo.study import Study, prepare
from demo.tasks import TASKS
from taskvec.results import Input


class Demo:
    """One run: models and data first, then everything by the `taskvec` command."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self.settings = settings
        self.reporter = reporter
        self.cache = Cache(settings.cache)
        self.command = CommandLine(reporter.note)
        self.seconds: dict[str, float] = {}

    def run(self) -> Findings:
        """Do it all; the output folder then holds store, checkpoints, pictures, result.json and both pages."""
        out = workspace.fresh(self.settings.out)
        with self._step("Rebuild the vision transformer and compare it with its ONNX twin", "base"):
            base = checkpoints.base_folder(self.cache)
            difference = (base / checkpoints.DIFFERENCE).read_text(encoding="utf-8").strip()
            self.reporter.note(f"largest absolute difference {difference} (allowed {backbone.TOLERANCE:.0e})")
        with self._step("Draw the pictures; linear heads on raw pixels and on the base's features", "heads"):
            studies = self._studies(base)
        with self._step("Fine-tune the backbone once a task, heads fixed", "fine-tuning"):
            finetuned = {study.task.name: self._finetuned(study, base) for study in studies}
        with self._step("Each fine-tune on its own test pictures", "fine-tunes' accuracy"):
            counted = self.reporter.track(studies, "fine-tunes", len(studies))
            own = {study.task.name: self._own_accuracy(study, finetuned[study.task.name]) for study in counted}
        with self._step("Keep the task vectors in a store; compare, compress and split them", "store"):
            store, similarity, compression = self._store(base, finetuned, out)
        bench = Bench(base, store, studies, self.command, self.cache, self.reporter)
        with self._step("Merge from all vectors", "merge"):
            all_vectors = merge(bench, None, out / "merged")
        with self._step(f"Merge from {compression['num_atoms']} atoms", "merge from the basis"):
            from_basis = merge(bench, self._basis, out / "merged-from-basis")
        findings = Findings(
            tasks={study.task.name: _facts(study) for study in studies},
            pixels={study.task.name: study.pixel_accuracy for study in studies},
            base={study.task.name: study.base_accuracy for study in studies},
            finetuned=own,
            all_vectors=all_vectors,
            from_basis=from_basis,
            similarity=similarity,
            compression=compression,
            onnx_difference=float(difference),
            settings=asdict(self.settings),
            seconds=self.seconds,
        )
        bars.draw(findings, out / "accuracy.png")
        publish(findings, self.command.said, self._inputs(store)).save(out / "result.json")
        with self._step("Make a page of the result and a page of the store", "pages"):
            self.command("report", out / "result.json", "-o", out / "report.html")
            self.command("store", "report", store, "-o", out / "store.html")
        return findings

    def _inputs(self, store: Path) -> list[Input]:
        base = self.command("store", "list", store)["base"]
        shown = [self.command("store", "show", store, task.name) for task in TASKS[: self.settings.num_tasks]]
        found = [("base", base["ref"], base["fingerprint"])]
        found += [(vector["name"], vector["ref"], vector["fingerprint"]) for vector in shown]
        return [Input(name=name, ref=Path(ref).name, fingerprint=digest) for name, ref, digest in found]

    @property
    def _basis(self) -> str:
        return f"atoms{self.settings.num_tasks // 2}"

    @contextmanager
    def _step(self, heading: str, name: str) -> Generator[None]:
        self.reporter.heading(heading)
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 1)

    def _studies(self, base: Path) -> list[Study]:
        model, tasks = backbone.read(base), TASKS[: self.settings.num_tasks]
        counted = self.reporter.track(tasks, "tasks", len(tasks))
        return [prepare(task, model, base.name, self.settings, self.cache) for task in counted]

    def _finetuned(self, study: Study, base: Path) -> Path:
        return checkpoints.finetuned_folder(study, base, self.settings, self.cache, self.reporter)

    def _own_accuracy(self, study: Study, folder: Path) -> float:
        found: float = self.cache.value(
            f"accuracy-{key(part='test', head=study.name, checkpoint=folder.name)}",
            lambda: accuracy(backbone.read(folder), study, "test"),
        )
        return found

    def _store(self, base: Path, finetuned: dict[str, Path], out: Path) -> tuple[Path, Json, Json]:
        store = out / "store"
        self.command("store", "init", store, "--base", base)
        self.command("store", "add", store, *(f"{name}={folder}" for name, folder in finetuned.items()))
        similarity = self.command("similarity", store, "--plot", out / "cosine.png")
        half = self.settings.num_tasks // 2
        compression = self.command(
            "compress", store, "--basis", self._basis, "--atoms", half, "--plot", out / "error.png"
        )
        self.command("decompose", store, "--energy", 0.9)
        return store, similarity, compression


def _facts(study: Study) -> TaskFacts:
    parts = study.split
    return TaskFacts(study.task.title, len(parts.train.classes), len(parts.train), len(parts.val), len(parts.test))
