"""Every kind of command on tiny models: what plans it, and what does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from taskvec import Basis, Store, TaskVector, compress, decompose, similarity
from taskvec.adapters import Extraction
from taskvec.bases.collection import add_tasks, joining, refit, refitting
from taskvec.bases.compress import compressing
from taskvec.components.attributing import attribute, attributing
from taskvec.components.decompose import decomposing
from taskvec.editing.recipe.file import RecipeFile
from taskvec.editing.write import Merging
from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.linalg.subspaces import SUBSPACE_METHODS
from taskvec.linalg.subspaces.controls import Control
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.sides import Side
from taskvec.methods import METHODS
from taskvec.store.similarity import comparing
from taskvec.streaming import plan_steps
from taskvec.testing.checkpoints import save_folder, save_safetensors
from taskvec.types import DType

TASKS = ("a", "b", "c")
ADAPTERS = ("p", "q", "r")
SHAPES = {"layers.0.weight": (24, 16), "layers.1.weight": (16, 24), "layers.1.bias": (24,)}

Work = Callable[[], object]


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        plan: Plans it.
        work: Does it.
    """

    plan: Work
    work: Work


Kind = Callable[[Store, Path], Command]


def make_models(folder: Path) -> Path:
    """Save a base, fine-tunes alike, adapters and a model nobody knows, and a store of them with two bases."""
    rng = np.random.default_rng(0)
    base = {name: rng.standard_normal(shape, np.float32) for name, shape in SHAPES.items()}
    base |= {"half": rng.standard_normal(40).astype(ml_dtypes.bfloat16), "steps": np.arange(3)}
    save_folder(folder / "base", base)
    common = {key: rng.standard_normal(values.shape) for key, values in base.items()}
    for name in (*TASKS, "unknown"):
        save_folder(folder / name, {key: _tuned(values, common[key], rng) for key, values in base.items()})
    for name in ADAPTERS:
        _save_adapter(folder / name, rng)
    store = Store.init(folder / "store", folder / "base")
    store.add({name: folder / name for name in (*TASKS, *ADAPTERS)})
    compress(store, "two", num_atoms=2, tasks=list(TASKS), dtype=DType.I8)
    compress(store, "pair", num_atoms=1, tasks=["a", "b"])
    return folder


def _tuned(values: np.ndarray, common: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if values.dtype.kind == "i":
        return values
    change = (common + 0.3 * rng.standard_normal(values.shape)).round(1)  # of few values, some of them equal
    return (values.astype(np.float32) + 0.5 * change.astype(np.float32)).astype(values.dtype)


def _save_adapter(folder: Path, rng: np.random.Generator) -> None:
    factors: dict[str, np.ndarray] = {}
    for name in ("layers.0", "layers.1"):
        rows, columns = SHAPES[f"{name}.weight"]
        factors[f"base_model.model.{name}.lora_A.weight"] = rng.standard_normal((1, columns), np.float32)
        factors[f"base_model.model.{name}.lora_B.weight"] = rng.standard_normal((rows, 1), np.float32)
    folder.mkdir()
    save_safetensors(folder / "adapter_model.safetensors", factors)
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["layers.0", "layers.1"]}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


def _editing(expression: str, *, measure: bool = False, **over: Any) -> Kind:
    def kind(store: Store, folder: Path) -> Command:
        file = RecipeFile.of_store(store.path, expression, **over)
        merging = Merging(file, store.options, sha256=False, measure=measure)
        return Command(lambda: merging.plan(folder / "out"), lambda: merging.save(folder / "out"))

    return kind


def _compressing(**wanted: Any) -> Kind:
    return lambda store, _: Command(
        lambda: plan_steps(compressing(store, "new", **wanted), store.options), lambda: compress(store, "new", **wanted)
    )


def _splitting(**wanted: Any) -> Kind:
    asked = {"tasks": list(TASKS), **wanted}
    return lambda store, _: Command(
        lambda: plan_steps(decomposing(store, **asked), store.options), lambda: decompose(store, **asked)
    )


def _split_then(expression: str) -> Kind:
    def kind(store: Store, folder: Path) -> Command:
        decompose(store, tasks=list(TASKS), rank=3)
        return _editing(expression)(store, folder)

    return kind


def _comparing(store: Store, _: Path) -> Command:
    for file in (store.path / "gram").iterdir():
        file.unlink()
    return Command(lambda: plan_steps(comparing(store), store.options), lambda: similarity(store))


def _adding(*names: str) -> Kind:
    def kind(store: Store, folder: Path) -> Command:
        refs = {f"new_{name}": folder / name for name in names}
        return Command(lambda: plan_steps(store.adding(refs), store.options), lambda: store.add(refs))

    return kind


def _joining(**wanted: object) -> Kind:
    def kind(store: Store, _: Path) -> Command:
        basis = compress(store, "joined", num_atoms=1, tasks=["a", "b"], **wanted)
        return Command(
            lambda: plan_steps(joining(basis, ["c", "p"]), store.options), lambda: add_tasks(basis, ["c", "p"])
        )

    return kind


def _refitting(store: Store, _: Path) -> Command:
    basis = Basis.load(store, "pair")
    return Command(lambda: plan_steps(refitting(basis, TASKS), store.options), lambda: refit(basis, TASKS))


def _attributing(store: Store, folder: Path) -> Command:
    asked = {"tasks": list(TASKS), "rank": 3}
    ref = folder / "unknown"
    return Command(
        lambda: plan_steps(attributing(store, ref, **asked), store.options), lambda: attribute(store, ref, **asked)
    )


def _extracting(*, with_rest: bool) -> Kind:
    def kind(store: Store, folder: Path) -> Command:
        vector = TaskVector(folder / "base", folder / "a")
        made = Extraction(vector, RankRule(rank=2), options=store.options, with_rest=with_rest)
        return Command(
            lambda: plan_steps(made.extracting(folder / "out"), store.options), lambda: made.save(folder / "out")
        )

    return kind


_REQUIRED: Mapping[str, tuple[str, ...]] = {"nearswap": ("t=0.5",), "fednova": ("steps=3",)}
_OTHERWISE = (
    "ties(a, b, c, rescale=true, semantics=mergekit, weight=1)",
    "ties(a, b, c, density=[0.1, 0.5, 1])",
    "dare_ties(a, b, c, semantics=mergekit, weight=1)",
    "dare_linear(a, b, c, rescale=true)",
    "breadcrumbs(a, b, c, rescale=true)",
    "della(a, b, c, semantics=mergekit, weight=1)",
    "sce(a, b, c, select_topk=0.4)",
    "tsv(a, b, c, flatten=true)",
    "geometric_median(a, b, c, scope=tensor)",
    "model_stock(a, b, c, filter_wise=true)",
    "nuslerp(a, b, nuslerp_flatten=false)",
    "nuslerp(a, b, nuslerp_flatten=false, nuslerp_row_wise=true)",
)
_WITHIN = (
    "ties(c, dare_ties(a, b))",
    "della(c, ties(a, b))",
    "sce(c, 2*ties(a, b), select_topk=0.4)",
    "linear(c, breadcrumbs(a, b))",
    "slerp(c, ties(a, b))",
    "ties(c, tsv(a, b))",
    "karcher(c, sce(a, b))",
    "0.5*ties(a, b) + 0.5*della(b, c)",
)


def _merge_calls() -> list[str]:
    calls = [*_OTHERWISE, *_WITHIN]
    for name, method in METHODS.items():
        calls.append(f"{name}({', '.join([*TASKS[: method.max_inputs], *_REQUIRED.get(name, ())])})")
    return calls


COMMANDS: dict[str, Kind] = {
    "similarity": _comparing,
    "store add": _adding(*TASKS),
    "store add adapters": _adding(*ADAPTERS),
    "edit of a sum": _editing("base + 0.5*a - 0.25*b + c"),
    "edit of adapters": _editing("base + 0.5*p + 0.5*q"),
    "edit to a task vector": _editing("a - b"),
    "edit of what is shared": _split_then("base + 0.5*a.shared + a.unique"),
    "edit of ties of what is shared": _split_then("base + ties(a.unique, b.unique, c.unique)"),
    "edit of ties of adapters": _editing("base + ties(p, q, r)"),
    "edit by angles": _editing("base + 0.3*sum(a, b, c) + orthogonal(a, b)"),
    "edit over a basis": _editing("base + 0.3*sum(a, b, c)", basis="two"),
    "edit over a basis, measured": _editing("base + 0.3*ties(a, b, c)", basis="two", measure=True),
    "edit by atoms": _editing("base + 0.3*sum(a, b)", basis="pair", addition="atoms"),
    **{f"compress by {name}": _compressing(num_atoms=1, tasks=list(TASKS), method=name) for name in BASIS_METHODS},
    "compress to int8": _compressing(num_atoms=2, tasks=list(TASKS), dtype=DType.I8),
    "compress adapters": _compressing(num_atoms=2, tasks=list(ADAPTERS), rank=2),
    "compress each tensor": _compressing(max_error=0.5, tasks=list(TASKS), group="tensor"),
    "compress, fitted on some": _compressing(num_atoms=1, tasks=list(TASKS), fit_on=2),
    "basis add": _joining(),
    "basis add to int8": _joining(dtype=DType.I8),
    "basis add to random atoms": _joining(method="random"),
    "basis add and refit": _refitting,
    **{f"decompose by {name}": _splitting(rank=3, subspace=name) for name in SUBSPACE_METHODS},
    **{f"decompose with control {name}": _splitting(rank=3, control=name.value) for name in Control},
    **{f"decompose on side {name}": _splitting(rank=3, side=name.value) for name in Side},
    "decompose by energy": _splitting(energy=0.9),
    "decompose adapters": _splitting(tasks=list(ADAPTERS), rank=1),
    "attribute": _attributing,
    "extract-lora": _extracting(with_rest=False),
    "extract-lora with the rest": _extracting(with_rest=True),
    **{f"merge {call}": _editing(f"base + {call}") for call in _merge_calls()},
}
