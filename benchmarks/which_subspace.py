"""Which shared subspace: planted directions, recovered by the mean, the palindrome and the chain, over noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import Axis, Trace, traces
from benchmarks.results import Answer
from benchmarks.setting import Setting
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.reports import Chart

TITLE = "Which shared subspace finds what is there?"
SHAPE, NUM_TASKS, SHARED, OWN = (384, 384), 8, 12, 24
NOISES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
WAYS: Mapping[str, Mapping[str, Any]] = {
    "mean, edge": {"subspace": "mean"},
    "palindrome, edge": {"subspace": "palindrome"},
    "chain, edge": {"subspace": "chain"},
    "chain, τ = .85 (the paper's)": {"subspace": "chain", "threshold": 0.85},
}
Bases = Sequence[NDArray[np.float64]]


def ask(setting: Setting) -> Answer:
    """Plant, add noise, keep as many directions as were planted or twice as many, and look."""
    noises = NOISES[::3] if setting.is_toy else NOISES
    rows: list[tuple[Cell, ...]] = []
    for rank in (SHARED + OWN, 2 * (SHARED + OWN)):
        for noise in noises:
            setting.say(f"rank {rank}, noise {noise}")
            found = [_recovered(noise, rank, seed) for seed in range(1 if setting.is_toy else setting.scale.repeats)]
            for way in WAYS:
                right, wrong = np.mean([one[way] for one in found], axis=0)
                rows.append((way, rank, noise, float(right) / SHARED, float(wrong)))
    columns = (
        Column("subspace"),
        Column("rank", Unit.COUNT),
        Column("noise", Unit.RATIO),
        Column("recovered", Unit.FRACTION),
        Column("directions found that are not there", Unit.RATIO),
    )
    return Answer(
        setup=f"{NUM_TASKS} deltas of {SHAPE[0]} × {SHAPE[1]}, each with the same {SHARED} columns and {OWN} others, "
        "of equal strength, and noise of so many times their norm. recovered: ‖ZᵀS‖² / the number planted, for the "
        "directions Z that were found and S that were planted; not there: how many are found beyond that.",
        tables=(Table("Planted directions", columns, tuple(rows)),),
        targets=(),
        notes=(),
        runs={},
    )


def chart(answer: Answer) -> Chart:
    """Recovery over noise, at the planted rank and (faint) at twice that."""
    drawn = []
    for way in WAYS:
        for times in (1, 2):
            rank = times * (SHARED + OWN)
            points = [(row[2], row[3]) for row in answer.tables[0].rows if row[0] == way and row[1] == rank]
            drawn.append(Trace(way, points, is_faint=times == 2))  # type: ignore[arg-type]
    title = f"{SHARED} directions planted in {NUM_TASKS} task vectors; rank {SHARED + OWN}, faint {2 * (SHARED + OWN)}"
    below = Axis("norm of the noise / norm of what was planted", (0, None))
    return traces(title, below, Axis("planted directions recovered", (0, 1)), drawn)


def _recovered(noise: float, rank: int, seed: int) -> dict[str, tuple[float, float]]:
    """For each way, how much of the planted space was found, and how many directions beside it."""
    from taskvec.linalg.subspaces.rank_rule import RankRule
    from taskvec.linalg.subspaces.singular import singular_factors
    from taskvec.linalg.subspaces.subspaces import SubspaceRule

    rng = np.random.default_rng(seed)
    planted = np.linalg.qr(rng.standard_normal((SHAPE[0], SHARED)))[0]
    bases = []
    for _ in range(NUM_TASKS):
        own = np.linalg.qr(rng.standard_normal((SHAPE[0], OWN)))[0]
        inputs = np.linalg.qr(rng.standard_normal((SHAPE[1], SHARED + OWN)))[0]
        signal = np.concatenate([planted, own], axis=1) @ inputs.T
        rough = rng.standard_normal(SHAPE)
        delta = signal + noise * np.linalg.norm(signal) / np.linalg.norm(rough) * rough
        bases.append(singular_factors(delta.astype(np.float32), RankRule(rank=rank)).left)
    found = {}
    for way, wanted in WAYS.items():
        vectors = SubspaceRule(**wanted).share(bases, SHAPE[0]).directions.vectors
        right = float(np.square(vectors.T @ planted).sum())
        found[way] = (right, max(vectors.shape[1] - right, 0.0))
    return found
