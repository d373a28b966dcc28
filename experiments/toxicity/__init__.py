"""Experiment 2: does negating the unique component of a toxic task vector beat negating the whole of it?"""

from dataclasses import replace

from experiments.setting import Setting
from taskvec import Result


def run(setting: Setting) -> Result:
    """Fine-tune, split, negate, measure; all of it kept, so that a run that was cut goes on.

    Args:
        setting: Where it works, and whether the subset is enough.
    """
    from experiments.cached import Kept
    from experiments.toxicity.assets import packaged
    from experiments.toxicity.plan import FAST, FULL
    from experiments.toxicity.reporting import report
    from experiments.toxicity.study import Study

    kept = Kept(setting.cache / "toxicity")
    with setting.step("base model and texts"):
        assets = packaged(kept)
    plan = replace(FAST if setting.is_fast else FULL, seeds=setting.seeds)
    return report(Study(assets, plan, kept, setting).findings(), setting)
