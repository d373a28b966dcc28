"""Model Stock (arXiv 2403.19522): between the base and the mean of fine-tunes, where their angles say the centre is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from taskvec.methods.families.sphere import norms_of
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles, Grain, Part
from taskvec.methods.rule import Combination, Either, Formula
from taskvec.parameter import flag

_LEAST_PRODUCT = 1e-6
_SINGULAR = 1e-6


@dataclass(frozen=True)
class ModelStockOptions(MergeOptions):
    """Options of ``model_stock``."""

    filter_wise: bool = flag(False, "a ratio for every row, not for the tensor")


def _ratio(cosine: Any, num_tasks: int) -> Doubles:
    """Return t = T cos φ / (1 + (T − 1) cos φ); 0, the base, where that has no value."""
    below = 1 + (num_tasks - 1) * cosine
    is_singular = np.abs(below) < _SINGULAR
    ratio: Doubles = np.where(is_singular, 0.0, num_tasks * cosine / np.where(is_singular, 1.0, below))
    return ratio


def _coefficients(gram: Doubles, options: ModelStockOptions) -> Doubles:  # noqa: ARG001
    norms, num_tasks = norms_of(gram), len(gram)
    cosines = np.clip(gram / np.maximum(np.outer(norms, norms), _LEAST_PRODUCT), -1.0, 1.0)
    mean = cosines[np.triu_indices(num_tasks, 1)].mean()
    return np.full(num_tasks, float(_ratio(mean, num_tasks)) / num_tasks)


def _merge(part: Part, options: ModelStockOptions) -> Doubles:  # noqa: ARG001
    rows = part.rows.reshape(len(part.rows), -1, part.row_length).astype(np.float64)
    norms = np.linalg.norm(rows, axis=-1)
    cosines = [
        np.clip((rows[s] * rows[t]).sum(axis=-1) / np.maximum(norms[s] * norms[t], _LEAST_PRODUCT), -1.0, 1.0)
        for s, t in zip(*np.triu_indices(len(rows), 1), strict=True)
    ]
    ratio = _ratio(sum(cosines, start=np.float64(0)) / len(cosines), len(rows))
    merged: Doubles = (ratio[:, None] * (sum(rows, start=np.float64(0)) / len(rows))).reshape(-1)
    return merged


model_stock = Method(
    "model_stock",
    Either(lambda options: options.filter_wise, Formula(_merge, Grain.ROWS), Combination(_coefficients)),
    ModelStockOptions,
    "the mean of fine-tunes, drawn to the base as far as their angles say",
    "t = T cos φ / (1 + (T − 1) cos φ), cos φ the mean cosine of two τ; τ = t · mean τₜ",
    "arXiv 2403.19522",
    "Fine-tunes of one task from different seeds: near the centre of many with only two or three. Different tasks are "
    "almost orthogonal, and it keeps next to nothing of them.",
    min_inputs=2,
    mergekit=Mergekit(),
)
