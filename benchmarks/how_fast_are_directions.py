"""Speed of decomposing: leading singular directions of large deltas against full decompositions, at equal result."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import OURS, PEER, Axis, Bar, lying_bars
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.reports import Chart

TITLE = "How fast are the directions of a delta found?"
RANK = 64
PROMISED_SPEEDUP = 20.0
PROMISED_SINE = 0.01
FULL_SIDE, TOY_SIDE = 4096, 600
WAYS = ("full SVD", "range finder", "exact by Gram matrix")
Delta = NDArray[np.float32]


def rank_like(rng: np.random.Generator, side: int) -> Delta:
    """Strong directions whose singular values fall from 2 to 1, and noise of twice their energy."""
    left, right = (np.linalg.qr(rng.standard_normal((side, RANK)))[0] for _ in range(2))
    values = np.geomspace(2, 1, RANK)
    noise = rng.standard_normal((side, side), dtype=np.float32)
    noise *= np.float32(np.sqrt(2) * np.linalg.norm(values) / np.linalg.norm(noise))
    return np.asarray((left * values) @ right.T, np.float32) + noise


def flat(rng: np.random.Generator, side: int) -> Delta:
    """Noise alone, in which no direction stands out: the range finder needs more blocks."""
    return rng.standard_normal((side, side), dtype=np.float32)


SPECTRA: Mapping[str, Callable[[np.random.Generator, int], Delta]] = {"rank-like": rank_like, "flat": flat}


def ask(setting: Setting) -> Answer:
    """Time each way on each spectrum."""
    side = TOY_SIDE if setting.is_toy else FULL_SIDE
    rows: list[tuple[Cell, ...]] = []
    for spectrum, make in SPECTRA.items():
        delta = make(np.random.default_rng(0), side)
        truth, slow = _timed(lambda delta=delta: np.linalg.svd(delta)[0][:, :RANK], 1)  # type: ignore[misc]
        setting.say(f"{spectrum}: full SVD {slow:.1f} s")
        rows.append((spectrum, WAYS[0], slow, 1.0, 0.0))
        for way, exact_side in ((WAYS[1], 64), (WAYS[2], side)):
            found, seconds = _timed(_finder(delta, exact_side), 1 if spectrum == "flat" else setting.scale.repeats)
            setting.say(f"{spectrum}: {way} {seconds:.2f} s")
            rows.append((spectrum, way, seconds, slow / seconds, _sine(truth, found)))
    columns = (
        Column("spectrum"),
        Column("way"),
        Column("seconds", Unit.SECONDS),
        Column("× faster", Unit.RATIO),
        Column("sine of largest angle", Unit.FRACTION),
    )
    _, _, _, speedup, sine = rows[1]
    return Answer(
        setup=f"The {RANK} leading left singular directions of one {side} × {side} delta in float32, in this process. "
        "The full decomposition is numpy's, once, on all processors; ours are on one.",
        tables=(Table("Singular directions", columns, tuple(rows)),),
        targets=() if setting.is_toy else (
            Target("range finder, rank-like: × faster", _number(speedup), PROMISED_SPEEDUP, Unit.RATIO, at_least=True),
            Target("range finder, rank-like: sine of the angle", _number(sine), PROMISED_SINE, Unit.FRACTION),
        ),
        notes=(),
        runs={},
    )  # fmt: skip


def chart(answer: Answer) -> Chart:
    """One bar a way and spectrum."""
    bars = [
        Bar(f"{row[0]}: {row[1]}", row[2], PEER if row[1] == WAYS[0] else OURS)  # type: ignore[arg-type]
        for row in answer.tables[0].rows
    ]
    least = 10 ** math.floor(math.log10(min(bar.value for bar in bars)))
    axis = Axis("seconds", (least, None), base=10, form="~g")
    return lying_bars("Leading singular directions of one delta", axis, bars)


def _finder(delta: Delta, exact_side: int) -> Callable[[], NDArray[np.float64]]:
    from taskvec.linalg.subspaces.rank_rule import RankRule
    from taskvec.linalg.subspaces.singular import singular_factors
    from taskvec.numerics.one_thread import one_thread_each

    def find() -> NDArray[np.float64]:
        with one_thread_each():
            return singular_factors(delta, RankRule(rank=RANK), exact_side=exact_side).left

    return find


def _timed(work: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - started)
    return found, statistics.median(seconds)


def _sine(left: NDArray[Any], right: NDArray[Any]) -> float:
    cosines = np.linalg.svd(left.astype(np.float64).T @ right, compute_uv=False)
    return float(np.sqrt(max(0.0, 1 - cosines.min() ** 2)))


def _number(cell: Cell) -> float:
    assert isinstance(cell, float)
    return cell
