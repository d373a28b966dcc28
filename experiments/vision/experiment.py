"""The order of events: fine-tunes, then everything that is measured of them, then the result."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from demo.cache import Cache
from demo.checkpoints import base_folder
from demo.settings import from_environment
from demo.study import Study

from demo import backbone
from experiments.cached import Kept
from experiments.inputs import inputs_of
from experiments.setting import Setting
from experiments.vision.analogies import SCRIPTS, SOURCE, collect, reach
from experiments.vision.findings import Findings
from experiments.vision.finetunes import finetuned
from experiments.vision.laboratory import Bench, Group, Laboratory
from experiments.vision.measuring import measure_all
from experiments.vision.plan import LARGE_RATE, LEARNING_RATE, plan_for
from experiments.vision.reporting import report
from experiments.vision.tasks import eval_task, eval_tasks, negative, studies
from taskvec.results import Result


def run_all(setting: Setting) -> Result:
    """Do it all, from the cache where it can be."""
    plan, cache = plan_for(setting), Cache(from_environment().cache)
    with setting.step("base and heads"):
        base = base_folder(cache)
        model = backbone.read(base)
        known = studies(plan, model, base.name, cache)
    with setting.step("fine-tunes"):
        groups, large = (
            [Group(rate, seed, finetuned(known, base, plan, cache, rate, seed)) for seed in plan.seeds]
            if rate in plan.rates
            else []
            for rate in (LEARNING_RATE, LARGE_RATE)
        )
        styled = [_styled(known, base, group, setting, cache) for group in groups]
    tasks = {task.name: task for task in eval_tasks(known, plan)}
    heads, kept = {study.task.name: study.name for study in known}, Kept(setting.cache / "vision")
    lab = Laboratory(plan, base, model, tasks, heads, kept, backbone.read, setting.say)
    with setting.step("cross-accuracy"):
        pixels = {study.task.name: study.pixel_accuracy for study in known}
        found = Findings(plan, lab.of_checkpoint(base, lab.names), pixels)
        for group in (*groups, *large):
            rows = {name: lab.of_checkpoint(folder, lab.names) for name, folder in group.folders.items()}
            found.cross.setdefault(group.learning_rate, []).append(rows)
    measure_all(setting, lab, found, groups, large)
    with setting.step("analogies"):
        for group, folders in zip(groups, styled, strict=True):
            _analogies(lab, found, group, folders, {study.task.name: study for study in known})
    found.inputs = inputs_of({group.seed: Bench(lab, group).workshop.store for group in groups})
    return report(found, setting)


def _styled(known: Sequence[Study], base: Path, group: Group, setting: Setting, cache: Cache) -> dict[str, Path]:
    """The fine-tune on glyphs in the second style that is the source of the analogy."""
    by_name, plan = {study.task.name: study for study in known}, plan_for(setting)
    if not {SOURCE, *SCRIPTS} <= set(by_name):
        return {}
    return finetuned([negative(by_name[SOURCE])], base, plan, cache, group.learning_rate, group.seed)


def _analogies(
    lab: Laboratory, found: Findings, group: Group, styled: Mapping[str, Path], known: Mapping[str, Study]
) -> None:
    if not styled:
        return
    source = negative(known[SOURCE]).task.name
    folders = {name: group.folders[name] for name in (SOURCE, *SCRIPTS)} | {source: styled[source]}
    for script in SCRIPTS:
        target, rows = eval_task(negative(known[script]), lab.plan), found.analogies.setdefault(script, {})
        collect(rows, reach(lab, Group(group.learning_rate, group.seed, folders), target, script))
