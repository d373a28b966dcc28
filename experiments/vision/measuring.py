"""Everything that is added to the base or taken away from it, for every seed."""

from collections.abc import Iterable

from experiments.setting import Setting
from experiments.vision.directions import LARGE_RATE_NAMES, BasisOf, Direction, merges, over_bases, sharing
from experiments.vision.findings import Findings
from experiments.vision.laboratory import Bench, Group, Laboratory
from experiments.vision.plan import Plan

KINDS = ("whole", "orthogonal", "recovered", "unique")


def measure_all(
    setting: Setting, lab: Laboratory, found: Findings, groups: Iterable[Group], large: Iterable[Group]
) -> None:
    """Measure merges, bases, shared and unique components and negations.

    Args:
        setting: The run.
        lab: Base, tasks and cache.
        found: What is found is added here.
        groups: Fine-tunes at the small learning rate, a seed each.
        large: At the large one, of which less is measured.
    """
    for group in groups:
        bench = Bench(lab, group)
        with setting.step("merges"):
            _added(bench, found, merges(lab.names, group.seed))
        with setting.step("bases"):
            _added(bench, found, over_bases(lab.names, lab.plan))
        with setting.step("shared and unique"):
            found.chain.append(bench.split_facts("chain"))
            _added(bench, found, reversed(list(sharing(lab.names))))  # so that the true split is there at the end
        with setting.step("negation"):
            _negated(bench, found)
        with setting.step("recovered one by one"):
            if group.seed == lab.plan.seeds[0]:
                _one_by_one(bench, found)
    for group in large:
        with setting.step("large learning rate"):
            every = [*merges(lab.names, group.seed), *sharing(lab.names)]
            _added(Bench(lab, group), found, [d for d in every if d.name in LARGE_RATE_NAMES])


def _added(bench: Bench, found: Findings, wanted: Iterable[Direction]) -> None:
    records = found.added.setdefault(bench.group.learning_rate, {})
    for direction in wanted:
        records.setdefault(direction.label, []).append(bench.added(direction))


def _negated(bench: Bench, found: Findings) -> None:
    names, plan = bench.laboratory.names, bench.laboratory.plan
    for kind in KINDS:  # outside, so that a store is split and compressed once
        for target in names[: plan.targets]:
            record = bench.negated(target, kind, negative_direction(kind, target, names, plan))
            found.negated.setdefault(kind, {}).setdefault(target, []).append(record)


def _one_by_one(bench: Bench, found: Findings) -> None:
    """Measure each recovered vector alone, and one taken away by the λ that its whole vector was given."""
    target, whole = next(iter(found.negated["whole"].items()))
    for name, share in bench.laboratory.plan.compared_bases():
        basis = BasisOf(name, bench.laboratory.plan.num_atoms(share))
        found.recovered[name, basis.num_atoms] = bench.recovered(basis, target, whole[0]["scaling"])


def negative_direction(kind: str, target: str, names: list[str], plan: Plan) -> Direction:
    """What is taken away from the base, times λ.

    Args:
        kind: Of `KINDS`.
        target: The task that is to be forgotten.
        names: All tasks.
        plan: Sizes.
    """
    others = ", ".join(name for name in names if name != target)
    return {
        "whole": Direction(kind, target),
        "orthogonal": Direction(kind, f"orthogonal({target}, {others})"),
        "recovered": Direction(kind, target, BasisOf("spectral", plan.num_atoms(0.5))),
        "unique": Direction(kind, f"{target}.unique", split="shared"),
    }[kind]
