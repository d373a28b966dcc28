"""Every merge method from its formula, dense and in float64, without a line of the library that it judges.

An oracle takes task vectors ``(T, *shape)``, the base, the names of tasks and of the tensor, and options, and returns
the merged delta. Masks of chance are computed with Python's integers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import blake3
import numpy as np
from numpy.typing import NDArray

Dense = NDArray[np.float64]
Oracle = Callable[..., Dense]
WORD = 2**64 - 1

ORACLES: dict[str, Oracle] = {}
"""Method → oracle."""

BY_THEIR_OPTIMUM = {"awd", "geometric_median"}
"""Methods that minimise something and are judged by that (test_optima.py)."""


def oracle(formula: Oracle) -> Oracle:
    """Make a formula the oracle of the method of its name."""
    ORACLES[formula.__name__] = formula
    return formula


def largest(values: Dense, count: int) -> set[int]:
    """The places of the largest magnitudes; of equal ones the first."""
    return set(sorted(range(values.size), key=lambda i: (-abs(values[i]), i))[:count])


def only(values: Dense, places: set[int]) -> Dense:
    flat = values.reshape(-1)
    return np.array([v if i in places else 0.0 for i, v in enumerate(flat)]).reshape(values.shape)


def disjoint(taus: Dense, weights: list[float], *, normalize: bool) -> Dense:
    flat = taus.reshape(len(taus), -1)
    merged = []
    for column in flat.T:
        values = [w * v for w, v in zip(weights, column, strict=True)]
        sign = 1 if sum(values) >= 0 else -1
        chosen = [(v, w) for v, w in zip(values, weights, strict=True) if v * sign > 0]
        total, share = sum(v for v, _ in chosen), sum(w for _, w in chosen)
        merged.append(total / share if normalize and share else total)
    return np.array(merged).reshape(taus.shape[1:])


def summed(taus: Dense, weights: list[float], *, normalize: bool) -> Dense:
    return np.tensordot(weights, taus, 1) / (sum(weights) if normalize else 1)


def per_task(value: Any, taus: Dense) -> list[float]:
    return list(value) if isinstance(value, list | tuple) else [value] * len(taus)


def chance(seed: int, method: str, task: str, tensor: str, index: int) -> float:
    digest = blake3.blake3(f"{seed}\0{method}\0{task}\0{tensor}".encode()).digest(length=16)
    first, second = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    z = (index * 0x9E3779B97F4A7C15 + first) & WORD
    z = (((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD) ^ second
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return ((z ^ (z >> 31)) >> 11) / 2**53


@oracle
def linear(taus, base, *, weight=1.0, normalize=True, scaling=1.0, **_):
    weights = np.array(per_task(weight, taus))
    models = taus + base
    return scaling * np.tensordot(weights, models, 1) / (weights.sum() if normalize else 1) - base


@oracle
def task_arithmetic(taus, base, *, weight=1.0, normalize=False, scaling=1.0, **_):
    return scaling * summed(taus, per_task(weight, taus), normalize=normalize)


def arc(a: Dense, b: Dense, t: float, straight: float) -> Dense:
    cos = np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    if abs(cos) > straight:
        return (1 - t) * a + t * b
    phi = math.acos(cos)
    return (math.sin((1 - t) * phi) * a + math.sin(t * phi) * b) / math.sin(phi)


@oracle
def slerp(taus, base, *, t=0.5, **_):
    if not base.size or not (np.linalg.norm(base + taus[0]) and np.linalg.norm(base + taus[1])):
        return (1 - t) * taus[0] + t * taus[1]
    return arc(base + taus[0], base + taus[1], t, 0.9995) - base


@oracle
def nuslerp(taus, base, *, weight=1.0, points=False, nuslerp_flatten=True, nuslerp_row_wise=False, **_):
    w = per_task(weight, taus)
    t, origin = w[1] / sum(w), -base if points else 0 * base
    a, b = taus - origin
    if nuslerp_flatten:
        merged = arc(a, b, t, 1 - 1e-14) if a.any() and b.any() else (1 - t) * a + t * b
        return merged + origin
    axis = 0 if nuslerp_row_wise else -1
    if not a.ndim:
        a, b = a.reshape(1), b.reshape(1)
    rows = [np.moveaxis(x, axis, -1) for x in (a, b)]
    merged = np.zeros_like(rows[0])
    for place in np.ndindex(rows[0].shape[:-1]):
        merged[place] = arc(rows[0][place], rows[1][place], t, 1 - 1e-14)
    return np.moveaxis(merged, -1, axis).reshape(np.shape(origin)) + origin


@oracle
def multislerp(taus, base, *, weight=1.0, normalize_weights=True, points=False, eps=1e-8, **_):
    if len(taus) == 1:
        return taus[0]
    origin = -base if points else 0 * base
    x = (taus - origin).reshape(len(taus), -1)
    w = np.array(per_task(weight, taus))
    w = w / w.sum() if normalize_weights else w
    norms = np.linalg.norm(x, axis=1)
    units = x / (norms + eps)[:, None]
    mean = w @ units
    if np.linalg.norm(mean) < eps:
        return (w @ x).reshape(base.shape) + origin
    mean /= np.linalg.norm(mean)
    tangent = w @ np.array([u - (u @ mean) * mean for u in units])
    angle = np.linalg.norm(tangent) + eps
    merged = (mean * math.cos(angle) + tangent * math.sin(angle) / angle) * (norms @ w)
    return merged.reshape(base.shape) + origin


@oracle
def karcher(taus, base, *, max_iter=10, tol=1e-5, **_):
    x = (taus + base).reshape(len(taus), -1)
    if len(x) == 1:
        return taus[0]
    norms = np.linalg.norm(x, axis=1)
    units = [row / n for row, n in zip(x, norms, strict=True) if n > tol]
    if not units:
        return -base
    mean = sum(units) / len(units)
    mean /= np.linalg.norm(mean)
    for _unused in range(max_iter):
        step = np.zeros_like(mean)
        for u in units:
            phi = math.acos(min(1.0, max(-1.0, u @ mean)))
            if math.sin(phi) >= tol:
                step += phi / math.sin(phi) * (u - math.cos(phi) * mean) / len(units)
        size = np.linalg.norm(step)
        if size < tol:
            break
        mean = math.cos(size) * mean + math.sin(size) * step / size
    return (mean * norms.mean()).reshape(base.shape) - base


@oracle
def model_stock(taus, base, *, filter_wise=False, **_):
    def ratio(rows: Dense) -> Dense:
        pairs = list(itertools.combinations(rows, 2))
        cos = np.mean([x @ y / max(np.linalg.norm(x) * np.linalg.norm(y), 1e-6) for x, y in pairs])
        below = 1 + (len(rows) - 1) * cos
        return (0.0 if abs(below) < 1e-6 else len(rows) * cos / below) * rows.mean(axis=0)

    length = taus.shape[-1] if filter_wise and taus.ndim > 1 else max(base.size, 1)
    split = taus.reshape(len(taus), -1, length)
    return np.array([ratio(split[:, r]) for r in range(split.shape[1])]).reshape(base.shape)


@oracle
def passthrough(taus, base, *, scale=1.0, **_):
    return scale * (base + taus[0]) - base


def rescaled(kept: Dense, whole: Dense) -> Dense:
    after = np.abs(kept).sum()
    return kept * (np.abs(whole).sum() / after) if after >= 1e-7 else kept


@oracle
def ties(taus, base, *, density=0.2, weight=1.0, normalize=True, scaling=1.0, rescale=False, semantics="paper", **_):
    trimmed = []
    for tau, d in zip(taus, per_task(density, taus), strict=True):
        count = math.floor(d * tau.size) if semantics == "mergekit" else round(d * tau.size)
        kept = only(tau, largest(tau.reshape(-1), max(count, 1)))
        trimmed.append(rescaled(kept, tau) if rescale else kept)
    return scaling * disjoint(np.array(trimmed), per_task(weight, taus), normalize=normalize)


def _dare(method, taus, names, tensor, density, rescale, semantics, seed):
    sparse = []
    for tau, name, p in zip(taus, names, per_task(density, taus), strict=True):
        kept = only(tau, {i for i in range(tau.size) if chance(seed, method, name, tensor, i) < p})
        if rescale:
            kept = rescaled(kept, tau) if semantics == "mergekit" else kept / p
        sparse.append(kept)
    return np.array(sparse)


@oracle
def dare_linear(
    taus, base, *, names, tensor, density=0.1, weight=1.0, normalize=False, rescale=True, seed=0, scaling=1.0,
    semantics="paper", **_,
):  # fmt: skip
    sparse = _dare("dare_linear", taus, names, tensor, density, rescale, semantics, seed)
    return scaling * summed(sparse, per_task(weight, taus), normalize=normalize)


@oracle
def dare_ties(
    taus, base, *, names, tensor, density=0.1, weight=1.0, normalize=None, rescale=True, seed=0, scaling=1.0,
    semantics="paper", **_,
):  # fmt: skip
    sparse = _dare("dare_ties", taus, names, tensor, density, rescale, semantics, seed)
    normalize = semantics == "paper" if normalize is None else normalize
    return scaling * disjoint(sparse, per_task(weight, taus), normalize=normalize)


def _between(taus, density, gamma, rescale, semantics):
    sparse = []
    whole = math.floor if semantics == "mergekit" else round
    for tau, d, g in zip(taus, per_task(density, taus), per_task(gamma, taus), strict=True):
        count = whole(d * tau.size)
        top = min(whole(g * tau.size), tau.size - count)
        places = largest(tau.reshape(-1), top + count) - largest(tau.reshape(-1), top)
        kept = only(tau, places)
        sparse.append(rescaled(kept, tau) if rescale else kept)
    return np.array(sparse)


@oracle
def breadcrumbs(
    taus, base, *, density=0.1, gamma=0.01, weight=1.0, normalize=False, rescale=False, scaling=1.0,
    semantics="paper", **_,
):  # fmt: skip
    sparse = _between(taus, density, gamma, rescale, semantics)
    return scaling * summed(sparse, per_task(weight, taus), normalize=normalize)


@oracle
def breadcrumbs_ties(
    taus, base, *, density=0.1, gamma=0.01, weight=1.0, normalize=False, rescale=False, scaling=1.0,
    semantics="paper", **_,
):  # fmt: skip
    sparse = _between(taus, density, gamma, rescale, semantics)
    return scaling * disjoint(sparse, per_task(weight, taus), normalize=normalize)


def _della(method, taus, names, tensor, density, epsilon, rescale, semantics, seed):
    sparse = []
    for tau, name, d, e in zip(taus, names, per_task(density, taus), per_task(epsilon, taus), strict=True):
        half = e if semantics == "mergekit" else e / 2
        length = tau.shape[-1] if tau.ndim else 1
        flat, kept = tau.reshape(-1), []
        for start in range(0, flat.size, length):
            row = flat[start : start + length]
            order = sorted(range(length), key=lambda i: (abs(row[i]), i))
            for i, value in enumerate(row):
                p = 1.0 if d >= 1 else d - half + 2 * half * order.index(i) / max(length - 1, 1)
                is_kept = chance(seed, method, name, tensor, start + i) < p
                kept.append((value / p if rescale and semantics == "paper" else value) if is_kept else 0.0)
        found = np.array(kept).reshape(tau.shape)
        sparse.append(rescaled(found, tau) if rescale and semantics == "mergekit" else found)
    return np.array(sparse)


@oracle
def della(
    taus, base, *, names, tensor, density=0.3, epsilon=0.15, weight=1.0, normalize=True, rescale=True, seed=0,
    scaling=1.0, semantics="paper", **_,
):  # fmt: skip
    sparse = _della("della", taus, names, tensor, density, epsilon, rescale, semantics, seed)
    return scaling * disjoint(sparse, per_task(weight, taus), normalize=normalize)


@oracle
def della_linear(
    taus, base, *, names, tensor, density=0.3, epsilon=0.15, weight=1.0, normalize=False, rescale=True, seed=0,
    scaling=1.0, semantics="paper", **_,
):  # fmt: skip
    sparse = _della("della_linear", taus, names, tensor, density, epsilon, rescale, semantics, seed)
    return scaling * summed(sparse, per_task(weight, taus), normalize=normalize)


@oracle
def sce(taus, base, *, select_topk=0.1, **_):
    if select_topk < 1:
        variance = taus.var(axis=0).reshape(-1)
        places = largest(variance, int((variance > 0).sum() * select_topk))
        taus = np.array([only(tau, places) for tau in taus])
    energy = np.array([np.mean(tau**2) for tau in taus])
    w = energy / energy.sum() if energy.sum() >= 1e-6 else np.full(len(taus), 1 / len(taus))
    sign = np.where(taus.sum(axis=0) >= 0, 1, -1)
    agrees = np.sign(taus) == sign
    shares = np.tensordot(w, agrees, 1)
    return np.tensordot(w, taus * agrees, 1) / np.maximum(shares, 1e-6)


@oracle
def nearswap(taus, base, *, t, **_):
    target = base + taus[0]
    w = np.clip(t / np.maximum(np.abs(base - target), 1e-6), 0, 1)
    return w * taus[0]


@oracle
def arcee_fusion(taus, base, **_):
    length = base.shape[-1] if base.ndim else 1
    old, new = (x.reshape(-1, length) for x in (base, base + taus[0]))
    scores = []
    for a, b in zip(old, new, strict=True):
        q, p = (np.exp(x - x.max()) / np.exp(x - x.max()).sum() + 1e-8 for x in (a, b))
        scores.append(np.abs(b - a) * max(float((p * np.log(p / q)).sum()), 0.0))
    flat = np.concatenate(scores)
    ordered = np.sort(flat)
    q1, q2, q3 = (ordered[int(q * (flat.size - 1))] for q in (0.25, 0.5, 0.75))
    return taus[0] * (flat >= q2 + 1.5 * (q3 - q1)).reshape(base.shape)


@oracle
def consensus(taus, base, *, threshold=0.4, k=2, scaling=1.0, **_):
    total = taus.sum(axis=0)
    masks = [abs(tau) >= th * abs(total - tau) for tau, th in zip(taus, per_task(threshold, taus), strict=True)]
    return scaling * total * (np.sum(masks, axis=0) >= k)


@oracle
def tall_mask(taus, base, *, names, threshold=0.4, task=None, scaling=1.0, **_):
    total, chosen = taus.sum(axis=0), names.index(task) if task else 0
    return scaling * total * (abs(taus[chosen]) >= per_task(threshold, taus)[chosen] * abs(total - taus[chosen]))


@oracle
def emr(taus, base, *, names, task=None, scaling=1.0, model=None, **_):
    def elected(vectors: Dense) -> Dense:
        columns = vectors.reshape(len(vectors), -1).T
        found = []
        for column in columns:
            sign = np.sign(column.sum())
            found.append(sign * max([abs(v) for v in column if v * sign > 0], default=0.0))
        return np.array(found).reshape(vectors.shape[1:])

    if task is None:
        return scaling * elected(taus)
    chosen = names.index(task)
    pieces = [taus] if model is None else model
    own = sum(np.abs(piece[chosen]).sum() for piece in pieces)
    masked = sum(np.abs(elected(piece) * (piece[chosen] * elected(piece) > 0)).sum() for piece in pieces)
    uni = elected(taus)
    return scaling * (own / masked if masked else 0.0) * uni * (taus[chosen] * uni > 0)


def _flat2(taus: Dense) -> list[Dense]:
    return [tau.reshape(tau.shape[0], -1) for tau in taus]


def no_matrix(base: Dense, flatten: bool) -> bool:
    return not base.size or base.ndim < 2 or (base.ndim > 2 and not flatten)


def _polar(matrix: Dense) -> Dense:
    """By Newton's iteration where it is square and regular, otherwise by (W Wᵀ)^(-1/2) W."""
    values, vectors = np.linalg.eigh(matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix)
    good = values > 1e-24 * max(values.max(), 1e-300)
    root = (vectors[:, good] / np.sqrt(values[good])) @ vectors[:, good].T
    return root @ matrix if matrix.shape[0] <= matrix.shape[1] else matrix @ root


@oracle
def tsv(taus, base, *, scaling=1.0, flatten=False, **_):
    if no_matrix(base, flatten):
        return scaling * taus.mean(axis=0)
    matrices = _flat2(taus)
    k = max(min(matrices[0].shape) // len(matrices), 1)
    parts = [np.linalg.svd(m, full_matrices=False) for m in matrices]
    left = _polar(np.hstack([u[:, :k] for u, _, _ in parts]))
    right = _polar(np.vstack([v[:k] for _, _, v in parts]))
    return scaling * (left @ np.diag(np.concatenate([s[:k] for _, s, _ in parts])) @ right).reshape(base.shape)


@oracle
def iso_c(taus, base, *, scaling=1.0, flatten=False, **_):
    if no_matrix(base, flatten):
        return scaling * taus.mean(axis=0)
    total = sum(_flat2(taus))
    mean = np.linalg.norm(total, "nuc") / min(total.shape)
    return scaling * (mean * _polar(total)).reshape(base.shape)


@oracle
def iso_cts(taus, base, *, common=0.8, scaling=1.0, flatten=False, **_):
    if no_matrix(base, flatten):
        return scaling * taus.mean(axis=0)
    matrices, short = _flat2(taus), min(_flat2(taus)[0].shape)
    own = min(round((short - int(common * short)) / len(matrices)), short // len(matrices))
    k = short - own * len(matrices)
    u, s, v = np.linalg.svd(sum(matrices), full_matrices=False)
    us, ss, vs = [u[:, :k]], [s[:k]], [v[:k]]
    for m in matrices:
        uo, so, vo = np.linalg.svd(m - u[:, :k] @ u[:, :k].T @ m, full_matrices=False)
        us, ss, vs = [*us, uo[:, :own]], [*ss, so[:own]], [*vs, vo[:own]]
    merged = np.concatenate(ss).mean() * _polar(np.hstack(us)) @ _polar(np.vstack(vs))
    return scaling * merged.reshape(base.shape)


@oracle
def fednova(taus, base, *, steps, scaling=1.0, **_):
    s = per_task(steps, taus)
    return scaling * sum(np.mean(s) / one * tau for one, tau in zip(s, taus, strict=True)) / len(taus)


@oracle
def fedgma(taus, base, *, rho=0.8, scaling=1.0, **_):
    agreement = np.abs(np.sign(taus).mean(axis=0))
    return scaling * np.where(agreement >= rho, 1, agreement) * taus.sum(axis=0)


@oracle
def cclip(taus, base, *, rho=None, scaling=1.0, model=None, **_):
    pieces = [taus] if model is None else model
    norms = np.sqrt([sum(float((piece[t] ** 2).sum()) for piece in pieces) for t in range(len(taus))])
    rho = np.median(norms) if rho is None else rho
    return scaling * sum(tau * min(1, rho / n) if n else 0 * tau for tau, n in zip(taus, norms, strict=True))


@oracle
def coordinate_median(taus, base, *, scaling=1.0, **_):
    ordered, half = np.sort(taus, axis=0), len(taus) // 2
    return scaling * (ordered[half] if len(taus) % 2 else (ordered[half - 1] + ordered[half]) / 2)


@oracle
def trimmed_mean(taus, base, *, fraction=0.2, scaling=1.0, **_):
    cut = math.floor(fraction * len(taus))
    return scaling * np.mean(np.sort(taus, axis=0)[cut : len(taus) - cut], axis=0)


@oracle
def magmax(taus, base, *, scaling=1.0, **_):
    columns = taus.reshape(len(taus), -1).T
    return scaling * np.array([max(reversed(column), key=abs) for column in columns]).reshape(base.shape)


PAPER = {"semantics": "word = 'paper' paper mergekit"}
OURS = {"scaling": "number = 1.0 alias lambda"}
SCALED = {**PAPER, **OURS}
WEIGHTED = {**SCALED, "weight": "numbers = 1.0; mergekit: required"}
SEED = {"seed": "count = 0 >= 0"}
FLATTEN = {"flatten": "flag = False"}


def sparse(density: float, *, rescale: bool, normalize: str) -> dict[str, str]:
    return {
        **WEIGHTED,
        "density": f"numbers = {density}; mergekit: 1.0 > 0 <= 1",
        "rescale": f"flag = {rescale}",
        "normalize": f"flag = {normalize}",
    }


LIMITS: Mapping[str, Mapping[str, str]] = {
    "linear": {**WEIGHTED, "normalize": "flag = True"},
    "task_arithmetic": {**WEIGHTED, "normalize": "flag = False"},
    "slerp": {**PAPER, "t": "number = 0.5; mergekit: required"},
    "nuslerp": {
        **PAPER,
        "weight": WEIGHTED["weight"],
        "points": "flag = False",
        "nuslerp_flatten": "flag = True",
        "nuslerp_row_wise": "flag = False",
    },
    "multislerp": {
        **PAPER,
        "weight": WEIGHTED["weight"],
        "normalize_weights": "flag = True",
        "points": "flag = False",
        "eps": "number = 1e-08 > 0",
    },
    "karcher": {**PAPER, "max_iter": "count = 10 >= 0", "tol": "number = 1e-05 > 0"},
    "model_stock": {**PAPER, "filter_wise": "flag = False"},
    "passthrough": {**PAPER, "scale": "numbers = 1.0"},
    "ties": {**sparse(0.2, rescale=False, normalize="True"), "trim": "word = 'tensor' tensor model"},
    "dare_linear": {**SEED, **sparse(0.1, rescale=True, normalize="False")},
    "dare_ties": {**SEED, **sparse(0.1, rescale=True, normalize="True; mergekit: False")},
    "breadcrumbs": {**sparse(0.1, rescale=False, normalize="False"), "gamma": "numbers = 0.01 >= 0 < 1"},
    "breadcrumbs_ties": {**sparse(0.1, rescale=False, normalize="False"), "gamma": "numbers = 0.01 >= 0 < 1"},
    "della": {**SEED, **sparse(0.3, rescale=True, normalize="True"), "epsilon": "numbers = 0.15 >= 0 < 1"},
    "della_linear": {**SEED, **sparse(0.3, rescale=True, normalize="False"), "epsilon": "numbers = 0.15 >= 0 < 1"},
    "sce": {**PAPER, "select_topk": "number = 0.1; mergekit: 1.0 >= 0 <= 1"},
    "nearswap": {**PAPER, "t": "number = required >= 0"},
    "arcee_fusion": PAPER,
    "consensus": {**OURS, "threshold": "numbers = 0.4 >= 0", "k": "count = 2 >= 0"},
    "tall_mask": {**OURS, "threshold": "numbers = 0.4 >= 0", "task": "task = None"},
    "emr": {**OURS, "task": "task = None"},
    "tsv": {**OURS, **FLATTEN},
    "iso_c": {**OURS, **FLATTEN},
    "iso_cts": {**OURS, **FLATTEN, "common": "number = 0.8 >= 0 <= 1"},
    "awd": {**OURS, "alpha": "number = 0.1 >= 0", "iterations": "count = 300 >= 0"},
    "fednova": {**OURS, "steps": "numbers = required > 0"},
    "fedgma": {**OURS, "rho": "number = 0.8 >= 0 <= 1"},
    "cclip": {**OURS, "rho": "number = None > 0"},
    "coordinate_median": OURS,
    "magmax": OURS,
    "trimmed_mean": {**OURS, "fraction": "number = 0.2 >= 0 < 0.5"},
    "geometric_median": {
        **OURS,
        "weight": "numbers = 1.0",
        "scope": "word = 'model' model tensor",
        "max_iter": "count = 1000 >= 1",
        "tol": "number = 1e-10 > 0",
    },
}
"""Method → option → its kind, default, default under mergekit's semantics where that is another, bounds and words."""
