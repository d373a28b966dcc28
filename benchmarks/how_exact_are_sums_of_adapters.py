"""How far sums of LoRA adapters are from the sum of their changes: PEFT's ways and ours, against dense truth."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import Axis, Trace, traces
from benchmarks.results import Answer, Target
from benchmarks.setting import Setting
from benchmarks.tables import Cell, Column, Table, Unit
from taskvec.reports import Chart

TITLE = "How exact are sums of adapters?"
SIDE, RANK = 256, 8
COUNTS = (2, 4, 8)
EXACT, NEAREST = 1e-6, 1e-6
PEFT_WAYS = ("linear", "cat", "svd")
OURS_EXACT, OURS_CUT, LEAST = "taskvec, edit", f"taskvec, --rank {RANK}", f"least possible at rank {RANK}"
Dense = NDArray[np.float64]
Pairs = Sequence[tuple[Dense, Dense]]


def ask(setting: Setting) -> Answer:
    """Add adapters of random factors in every way, and compare with Σ BA in float64."""
    rows: list[tuple[Cell, ...]] = []
    for count in COUNTS[:1] if setting.is_toy else COUNTS:
        setting.say(f"{count} adapters")
        rng = np.random.default_rng(count)
        pairs = [(rng.standard_normal((SIDE, RANK)), rng.standard_normal((RANK, SIDE))) for _ in range(count)]
        rows += [(way, count, error) for way, error in _errors(pairs).items()]
    columns = (Column("way"), Column("adapters", Unit.COUNT), Column("relative error", Unit.ERROR))
    return Answer(
        setup=f"Adapters of one {SIDE} × {SIDE} layer, rank {RANK}, factors of independent normal numbers, added with "
        "weight 1. The error is ‖found − Σ BA‖ / ‖Σ BA‖; PEFT's ways are those of add_weighted_adapter, where linear "
        "adds Bs and As apart (huggingface/peft#3004) and cat keeps all ranks.",
        tables=(Table("Sums of adapters", columns, tuple(rows)),),
        targets=_targets(rows),
        notes=(),
        runs={},
    )


def _targets(rows: Sequence[tuple[Cell, ...]]) -> tuple[Target, ...]:
    by_way = {(row[0], row[1]): float(str(row[2])) for row in rows}
    counts = sorted({count for _, count in by_way})
    exact = max(by_way[OURS_EXACT, count] for count in counts)
    over = max(by_way[OURS_CUT, count] / by_way[LEAST, count] - 1 for count in counts)
    return (
        Target("sum of adapters: relative error", exact, EXACT, Unit.ERROR),
        Target("the same cut to a rank: above the least possible", over, NEAREST, Unit.ERROR),
    )


def chart(answer: Answer) -> Chart:
    """Errors over the number of adapters."""
    rows = answer.tables[0].rows
    drawn = [
        Trace(way, [(row[1], max(float(row[2]), 1e-8)) for row in rows if row[0] == way])  # type: ignore[misc,arg-type]
        for way in dict.fromkeys(str(row[0]) for row in rows)
    ]
    beside = Axis("relative error of the sum", base=10, form=".0e")
    return traces(f"Sums of adapters of rank {RANK}", Axis("adapters added", form=",d"), beside, drawn)


def _errors(pairs: Pairs) -> Mapping[str, float]:
    truth = sum((up @ down for up, down in pairs), np.zeros((SIDE, SIDE)))
    values = np.linalg.svd(truth, compute_uv=False)
    found = {**_by_peft(pairs), **_by_us(pairs)}
    errors = {way: float(np.linalg.norm(delta - truth) / np.linalg.norm(truth)) for way, delta in found.items()}
    return {**errors, LEAST: float(np.linalg.norm(values[RANK:]) / np.linalg.norm(values))}


def _by_peft(pairs: Pairs) -> dict[str, Dense]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import peft
        import torch
    config = peft.LoraConfig(r=RANK, lora_alpha=RANK, target_modules=["0"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(torch.nn.Sequential(torch.nn.Linear(SIDE, SIDE, bias=False)), config, "a0")
        layer = model.base_model.model[0]
        for number, (up, down) in enumerate(pairs):
            if number:
                model.add_adapter(f"a{number}", config)
            layer.lora_B[f"a{number}"].weight.data = torch.from_numpy(up).float()
            layer.lora_A[f"a{number}"].weight.data = torch.from_numpy(down).float()
        names = [f"a{number}" for number in range(len(pairs))]
        for way in PEFT_WAYS:
            rank = {"svd_rank": RANK} if way == "svd" else {}
            model.add_weighted_adapter(names, [1.0] * len(names), way, combination_type=way, **rank)
    return {f"PEFT, {way}": layer.get_delta_weight(way).detach().double().numpy() for way in PEFT_WAYS}


def _by_us(pairs: Pairs) -> dict[str, Dense]:
    from taskvec import TaskVector
    from taskvec.adapters import Extraction
    from taskvec.linalg.subspaces.rank_rule import RankRule
    from taskvec.testing.checkpoints import save_safetensors

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = save_safetensors(folder / "base.safetensors", {"layer.weight": np.zeros((SIDE, SIDE), np.float32)})
        total = None
        for number, (up, down) in enumerate(pairs):
            arrays = {"layer.lora_A.weight": down.astype(np.float32), "layer.lora_B.weight": up.astype(np.float32)}
            vector = TaskVector(base, save_safetensors(folder / f"{number}.safetensors", arrays))
            total = vector if total is None else TaskVector.from_terms(total.base, {**total.terms, **vector.terms})
        assert total is not None
        Extraction(total, RankRule(rank=RANK)).save(folder / "cut")
        cut = TaskVector(base, folder / "cut")
        read = {OURS_EXACT: total, OURS_CUT: cut}
        return {way: vector.apply_to().read("layer.weight").astype(np.float64) for way, vector in read.items()}
