"""Script × style: does Latin white on black, minus Latin, plus Greek, make Greek white on black?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.vision.laboratory import TOLERANCE, Bench, Group, Laboratory, grid, norm
from taskvec.evaluation import InPlace, SimpleTask, addition, read_direction

Json = dict[str, Any]
SOURCE = "latin"
STYLE = "negative"
SCRIPTS = ("greek", "cyrillic")
SCALED = 0.6
"""The search for λ begins where the edit is as long as this share of the target script's own vector."""


def expressions(script: str) -> dict[str, str]:
    """What is added to reach a script in the second style: the analogy, and what it is made of."""
    styled = f"{SOURCE}_{STYLE}"
    return {
        "the script alone": script,
        "the style alone": styled,
        "script + style": f"{script} + {styled}",
        "the analogy": f"{script} + {styled} - {SOURCE}",
    }


def reach(lab: Laboratory, group: Group, target: SimpleTask, script: str) -> dict[str, float]:
    """Test accuracy of the base and of everything that is added, λ by the validation pictures of the unseen task.

    Args:
        lab: Base and cache.
        group: The fine-tunes of the scripts, and of the source in the second style.
        target: The script in the second style.
        script: Its name.
    """
    found = {"the base": _of(lab, lab.base, target)}
    for name, expression in expressions(script).items():
        found[name] = _added(lab, group, target, expression, script)
    return found


def collect(rows: dict[str, list[float]], found: Mapping[str, float]) -> None:
    """Add one seed's accuracies."""
    for name, accuracy in found.items():
        rows.setdefault(name, []).append(accuracy)


def _of(lab: Laboratory, folder: Path, target: SimpleTask) -> float:
    def measure() -> float:
        return target.test(lab.loaded(folder))["accuracy"]

    found: float = lab.kept.value(
        "styled", measure, checkpoint=folder.name, target=target.name, **lab.deciding([SOURCE])
    )
    return found


def _added(lab: Laboratory, group: Group, target: SimpleTask, expression: str, script: str) -> float:
    def measure() -> float:
        store = Bench(lab, group).workshop.store
        values = read_direction(store, expression)
        start = SCALED * norm(read_direction(store, script)) / norm(values)
        with InPlace(lab.model, {"it": values}) as model:
            found = addition(model, {"it": 1.0}, [target], name=expression, search=grid(start, TOLERANCE))
        lab.say(f"{expression}: λ = {found.choice.scaling:.3g}, {found.values[target.name]:.1%} of {target.name}")
        return found.values[target.name]

    deciding = {"vectors": group.identity, "expression": expression, "target": target.name}
    kept: float = lab.kept.value("analogy", measure, **deciding, **lab.deciding([SOURCE, script]))
    return kept
