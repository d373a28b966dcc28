"""How error, bytes and time grow with the number of task vectors T, and with the number of atoms M that keep them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from experiments.repository.stocked import Stock
from taskvec import Store, compress
from taskvec.bases.compress import error_curve
from taskvec.types import DType

SIZES = (5, 10, 20, 40, 60, 80)
SHARES = (0.25, 0.5, 0.75)
"""Of T: the numbers of atoms of bases that are written; errors are known for every number of atoms."""

REVISION = 2  # raise them when the meaning of this code changes
RECOVERED_REVISION = 1

Found = dict[str, Any]


def measure(stock: Stock, size: int) -> Found:
    """Keep T tasks drawn at random in a store of their own, and compress them.

    Args:
        stock: All fine-tunes of one seed.
        size: T.

    Returns:
        Seconds of adding and of the inner products, bytes, the least error for M = 1 … T, the same for orthogonal
        vectors of these norms, and the bases.
    """
    draw = np.random.default_rng([stock.seed, size])
    names = sorted(draw.permutation(stock.names)[:size].tolist())
    started = time.perf_counter()
    with stock.store(names) as store:
        added = time.perf_counter()
        store.gram()
        known = time.perf_counter()
        curve = error_curve(store)
        squares = np.sort(np.diag(store.gram().total))
        written = [_written(store, max(1, round(share * size))) for share in SHARES]
        return {
            "add": added - started,
            "gram": known - added,
            "bytes": sum(store.documents.vector(name).source.nbytes for name in names),
            "errors": list(curve.relative_error),
            "orthogonal": np.sqrt(np.append(np.cumsum(squares)[-2::-1], 0.0) / squares.sum()).tolist(),
            "bases": written,
        }


def accuracies(stock: Stock, num_atoms: int) -> Found:
    """Recover all task vectors of a stock from M atoms, and try each alone on its own task.

    Args:
        stock: All fine-tunes of one seed.
        num_atoms: M.

    Returns:
        Test accuracies by task, and errors by task.
    """
    with stock.store() as store:
        basis = compress(store, "atoms", num_atoms=num_atoms, dtype=DType.F32)
        return {"accuracy": stock.accuracies(basis.vectors), "error": dict(basis.certificate.task_errors)}


def _written(store: Store, num_atoms: int) -> Found:
    started = time.perf_counter()
    basis = compress(store, f"atoms{num_atoms}", num_atoms=num_atoms)
    return {
        "num_atoms": num_atoms,
        "seconds": time.perf_counter() - started,
        "bytes": basis.document.nbytes,
        "error": basis.certificate.relative_error,
    }
