"""Experiment 1, eight vision tasks under fixed heads: merges, bases, shared and unique parts, negation, analogies."""

from experiments.setting import Setting
from taskvec.results import Result


def run(setting: Setting) -> Result:
    """Do it all, or the subset of a fast run."""
    from experiments.vision.experiment import run_all

    return run_all(setting)
