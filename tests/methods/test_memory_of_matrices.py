"""Merging whole matrices takes no more memory for many tasks than for few."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from taskvec.methods import METHODS
from taskvec.methods.part import Array, Part
from taskvec.methods.rule import Formula

SIDE = 96


class Rows:
    """T task vectors, each made when it is asked for."""

    def __init__(self, num_tasks: int) -> None:
        self._num_tasks = num_tasks

    def __len__(self) -> int:
        return self._num_tasks

    def __getitem__(self, task: int) -> Array:
        return np.random.default_rng(task).standard_normal(SIDE * SIDE, np.float32)

    def __iter__(self) -> Iterator[Array]:
        return (self[task] for task in range(len(self)))


def peak_bytes(method: str, num_tasks: int) -> int:
    names = tuple(map(str, range(num_tasks)))
    options = METHODS[method].settings(names, {}).at("")
    rule = METHODS[method].rule_for(options)
    assert isinstance(rule, Formula)
    part = Part(cast("Any", Rows(num_tasks)), np.zeros(SIDE * SIDE, np.float32), (SIDE, SIDE), names=names)
    tracemalloc.start()
    try:
        rule.merge(part, options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", ["tsv", "iso_c", "iso_cts"])
def test_the_peak_does_not_grow_with_the_tasks(method: str) -> None:
    peak_bytes(method, 3)  # what is imported and kept at first
    assert peak_bytes(method, 24) <= 1.25 * peak_bytes(method, 3)
