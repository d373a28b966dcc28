"""Hypothesis strategies for model families."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

from taskvec.testing.checkpoints import Array
from taskvec.testing.families import Family, make_family

_FLOATS = (np.float32, np.float16, ml_dtypes.bfloat16)
_SHAPES = ((), (0,), (1,), (3, 0, 2), (5,), (2, 3), (1, 1, 7), (4099,))


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, Array]:
    """Draw one to five floating tensors of any dtype and shape, and perhaps an integer tensor; some have elements."""
    kinds = draw(st.lists(st.tuples(st.sampled_from(_FLOATS), st.sampled_from(_SHAPES)), min_size=1, max_size=5))
    tensors: dict[str, Array] = {f"w{i}": np.empty(shape, dtype) for i, (dtype, shape) in enumerate(kinds)}
    tensors["anchor"] = np.empty((3, 2), draw(st.sampled_from(_FLOATS)))
    if draw(st.booleans()):
        tensors["ids"] = np.arange(4, dtype=np.int64)
    return {name: tensors[name] for name in draw(st.permutations(list(tensors)))}


def families(min_tasks: int = 1, max_tasks: int = 4) -> st.SearchStrategy[Family]:
    """Draw a base with fine-tunes named ``a``, ``b``, ``c`` …, a small or a large step away.

    Args:
        min_tasks: Fine-tunes at least.
        max_tasks: Fine-tunes at most.

    Returns:
        The strategy.
    """
    names = st.integers(min_tasks, max_tasks).map(lambda count: [chr(ord("a") + i) for i in range(count)])
    keys = st.integers(0, 2**32 - 1)
    return st.builds(
        lambda chosen, seed, layout, step: make_family(chosen, seed=seed, layout=layout, step=step),
        names, keys, layouts(), st.sampled_from([0.001, 0.1, 1.0]),
    )  # fmt: skip
