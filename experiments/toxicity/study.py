"""The whole experiment on given assets: fine-tunes, stores, negations, additions, one seed after another."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from demo.cache import key

from experiments.cached import Kept
from experiments.inputs import inputs_of
from experiments.setting import Setting
from experiments.toxicity.adding import Added, add
from experiments.toxicity.assets import Assets
from experiments.toxicity.directions import METHODS, Vectors, vectors_of
from experiments.toxicity.finetuning import finetuned_folder, lessons
from experiments.toxicity.measuring import Bench
from experiments.toxicity.models import read_model, read_tokenizer
from experiments.toxicity.negating import Line, Negating
from experiments.toxicity.plan import Plan
from experiments.toxicity.remembered import Memory
from taskvec import Store
from taskvec.results import Input


@dataclass(frozen=True)
class Facts:
    """What is known of the vectors of one seed.

    Attributes:
        tasks: The toxic task and the general ones.
        norms: ‖τ‖ of each.
        cosines: Of each pair.
        shared: The share of ‖τ‖² that is shared, of each.
    """

    tasks: tuple[str, ...]
    norms: tuple[float, ...]
    cosines: tuple[tuple[float, ...], ...]
    shared: tuple[float, ...]


@dataclass(frozen=True)
class Findings:
    """All that was found.

    Attributes:
        plan: What was asked.
        lines: Negations.
        facts: Of the vectors of each seed.
        added: Additions.
        answers: The base's right and wrong answers.
        inputs: Base and task vectors, by content.
        packages: Distributions that all came from.
    """

    plan: Plan
    lines: tuple[Line, ...]
    facts: tuple[Facts, ...]
    added: tuple[Added, ...]
    answers: tuple[bool, ...]
    inputs: tuple[Input, ...]
    packages: tuple[str, ...]

    def of(self, method: str) -> tuple[Line, ...]:
        """The lines of one method."""
        return tuple(line for line in self.lines if line.method == method)


@dataclass(frozen=True)
class Study:
    """One run on given assets.

    Attributes:
        assets: Base, texts, classifier.
        plan: Sizes and seeds.
        kept: Where finished work is.
        setting: Told of progress.
    """

    assets: Assets
    plan: Plan
    kept: Kept
    setting: Setting

    def findings(self) -> Findings:
        """Run it, one seed after another."""
        assets, plan = self.assets, self.plan
        bench = Bench(assets.corpora, read_tokenizer(assets.base), assets.score, plan)
        model = cache(lambda: read_model(assets.base))
        negating = Negating(Memory(bench, self.kept), plan, assets.base.name, model)
        seeds = [self._seed(seed, negating) for seed in plan.seeds]
        with self.setting.step("questions"):
            answers = negating.base_answers()
        return Findings(
            plan=plan,
            lines=tuple(line for seed in seeds for line in seed.lines),
            facts=tuple(seed.facts for seed in seeds),
            added=tuple(seed.added for seed in seeds),
            answers=answers,
            inputs=inputs_of(dict(zip(plan.seeds, (seed.store for seed in seeds), strict=True))),
            packages=assets.packages,
        )

    def _seed(self, seed: int, negating: Negating) -> "_Seed":
        step, plan, base = self.setting.step, self.plan, self.assets.base
        with step("fine-tunes"):
            learned = lessons(self.assets.corpora.trained, plan, seed)
            finetuned = {
                task: finetuned_folder(self.assets.base, each, plan, self.kept) for task, each in learned.items()
            }
        made_of = {"vectors": {task: folder.name for task, folder in finetuned.items()}, "rank": plan.rank}
        with step("stores"):
            folder = self.kept.root / f"store-{key(**made_of)}"
            vectors = vectors_of(folder, base, finetuned, plan.rank, seed)
        lines = []
        for method in METHODS:
            with step(f"negation, {method.name}"):
                lines.append(negating.line(method, vectors, made_of))
        with step("addition"):
            added = add(negating, vectors, made_of)
        with step("what is shared"):
            shared = self.kept.value("shared", vectors.split, **made_of)
        return _Seed(tuple(lines), _facts(vectors, shared), added, vectors.store)


@dataclass(frozen=True)
class _Seed:
    """What one seed gave."""

    lines: tuple[Line, ...]
    facts: Facts
    added: Added
    store: Store


def _facts(vectors: Vectors, shared: Mapping[str, float]) -> Facts:
    tasks = vectors.tasks
    return Facts(
        tasks,
        tuple(vectors.norm(task) for task in tasks),
        tuple(map(tuple, vectors.cosines())),
        tuple(shared[task] for task in tasks),
    )
