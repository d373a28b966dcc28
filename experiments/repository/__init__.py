"""Experiment 4: a repository of eighty fine-tunes of one small network, kept, compared and compressed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import torch

from experiments.cached import Kept
from experiments.inputs import inputs_of
from experiments.repository import alike, drawing, growth, learning, newcomers, pictures, telling
from experiments.repository.findings import Findings
from experiments.repository.pictures import Source
from experiments.repository.scale import FAST, FULL, Scale
from experiments.repository.stocked import Stock
from experiments.setting import Setting
from taskvec.results import Result


def run(setting: Setting) -> Result:
    """Learn all tasks, once a seed; keep, compare, compress and project them."""
    torch.set_num_threads(1)
    scale, kept = FAST if setting.is_fast else FULL, Kept(setting.cache / "repository")
    with setting.step("pictures"):
        sources = pictures.load(kept, scale.pictures)
    found = explore(setting, kept, sources, scale)
    drawing.save_map(found, setting.out / "images" / "repository-samples-cosines-in-the-order-of-a-tree.png")
    return telling.tell(found, setting, scale)


def explore(setting: Setting, kept: Kept, sources: Mapping[str, Source], scale: Scale) -> Findings:
    """Everything that is measured, given pictures.

    Args:
        setting: The run.
        kept: Where finished work is.
        sources: The pictures.
        scale: How much is done.
    """
    with setting.step("base"):
        base = learning.base(sources, kept, scale.base)
    found, stocks = Findings(tuple(task.name for task in scale.tasks)), []
    for seed in setting.seeds:
        with setting.step(f"fine-tuning, seed {seed}"):
            learned = [
                learning.learned(task, sources[task.source], base, seed, kept, scale.task) for task in scale.tasks
            ]
            stock = Stock(base, {each.task.name: each for each in learned}, seed)
            stocks.append(stock)
        with setting.step(f"comparing and compressing, seed {seed}"):
            found.likeness.append(_likeness(stock, kept))
            found.growth.append([_growth(stock, size, kept) for size in scale.sizes])
        with setting.step(f"accuracy from atoms, seed {seed}"):
            found.whole.append(_whole(stock, kept))
            found.recovered.append([_recovered(stock, count, kept) for count in scale.judged])
        with setting.step(f"new tasks, seed {seed}"):
            found.served.append(_newcomers(stock, scale, kept))
    with setting.step("fingerprints"), ExitStack() as stack:
        found.inputs = inputs_of({stock.seed: stack.enter_context(stock.store()) for stock in stocks})
    return found


def _likeness(stock: Stock, kept: Kept) -> alike.Found:
    partitions = next(iter(stock.learned.values())).task.families
    families = {name: [found.task.families[name] for found in stock.learned.values()] for name in partitions}

    def compute() -> alike.Found:
        with stock.store() as store:
            return alike.measure(store.gram(stock.names).total, families, stock.seed)

    found: alike.Found = kept.value("likeness", compute, stock=stock.identity, revision=alike.REVISION)
    return found


def _growth(stock: Stock, size: int, kept: Kept) -> growth.Found:
    found: growth.Found = kept.value(
        "growth", lambda: growth.measure(stock, size), stock=stock.identity, size=size, revision=growth.REVISION
    )
    return found


def _recovered(stock: Stock, count: int, kept: Kept) -> growth.Found:
    found: growth.Found = kept.value(
        "recovered", lambda: growth.accuracies(stock, count), stock=stock.identity, atoms=count,
        revision=growth.RECOVERED_REVISION,
    )  # fmt: skip
    return found


def _whole(stock: Stock, kept: Kept) -> dict[str, dict[str, float]]:
    def compute() -> dict[str, dict[str, float]]:
        with stock.store() as store:
            own = stock.accuracies({name: store[name] for name in store.names})
        return {"base": stock.base_accuracies(stock.names), "finetuned": own}

    found: dict[str, dict[str, float]] = kept.value(
        "whole", compute, stock=stock.identity, revision=growth.RECOVERED_REVISION
    )
    return found


def _newcomers(stock: Stock, scale: Scale, kept: Kept) -> list[newcomers.Served]:
    sources = {name: found.task.source for name, found in stock.learned.items()}
    found = []
    for division in newcomers.divide(sources, stock.seed, scale.division):
        for request in newcomers.requests(scale.num_atoms):
            measured = kept.value(
                "newcomers", lambda d=division, r=request: newcomers.measure(stock, d, r),
                stock=stock.identity, division=division, request=request, revision=newcomers.REVISION,
            )  # fmt: skip
            found.append(newcomers.Served(division, request, measured["error"], measured["accuracy"]))
    return found
