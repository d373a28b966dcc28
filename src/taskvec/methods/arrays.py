"""What a method is called on in memory: arrays, nested numbers or tensors of torch, all made float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taskvec.errors import CompositionError
from taskvec.methods.part import Doubles


def doubles(values: ArrayLike) -> Doubles:
    """Return values as a float64 array; of torch's tensors too, whose bfloat16 numpy does not know."""
    given: Any = values
    if hasattr(given, "detach"):
        given = given.detach().cpu().double().numpy()
    return np.asarray(given, np.float64)


def stacked(deltas: ArrayLike, method: str) -> Doubles:
    """Return the deltas of one tensor as one array.

    Args:
        deltas: ``(T, …)``, or a list of T.
        method: Who takes them, for messages.

    Returns:
        ``(T, …)``.

    Raises:
        CompositionError: If they are not finite, or not T of one shape.
    """
    if isinstance(deltas, list | tuple):
        rows = [doubles(one) for one in deltas]
        shapes = list(dict.fromkeys(row.shape for row in rows))
        if len(shapes) > 1:
            found = " and ".join(str(list(shape)) for shape in shapes)
            raise CompositionError(f"{method}: expected deltas of one shape, found {found}: give those of one tensor")
        whole = np.stack(rows) if rows else np.zeros(0)
    else:
        whole = doubles(deltas)
    if whole.ndim == 0 or not np.isfinite(whole).all():
        raise CompositionError(
            f"{method}: expected finite deltas (T, …), one a task, found {list(whole.shape)}: stack them"
        )
    return whole
