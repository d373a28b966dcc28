"""How far what comes from a basis is from the same of the task vectors themselves: measured, not predicted.

A certificate knows the error of every sum from T × T numbers; of a merge that trims or elects it knows nothing. While
the task vectors are in the store, both results can be computed as they are read, side by side (ours). Cost: one pass
over the base, the atoms and the vectors that the expression names, after the passes that their merges need.
"""

from __future__ import annotations

from taskvec.linalg.certificate import relative_size
from taskvec.streaming import PlannedPass, RunOptions
from taskvec.vectors.task_vector import TaskVector, gram_matrix, products_among


def measured_error(found: TaskVector, truth: TaskVector, options: RunOptions) -> float:
    """Return ‖found − truth‖ / ‖truth‖.

    Args:
        found: What is made of a basis.
        truth: The same, made of the task vectors.
        options: The limits.

    Returns:
        The relative error; 0 where both vanish, infinity where only the truth does. Below about 1e-7 it is rounding.
    """
    if not (found.terms or truth.terms):
        return 0.0
    products = gram_matrix([found - truth, truth], options)
    return relative_size(float(products[0, 0]), float(products[1, 1]))


def plan_measured_error(found: TaskVector, truth: TaskVector, options: RunOptions) -> tuple[PlannedPass, ...]:
    """Return the pass that measuring takes, without reading a weight."""
    return products_among([found - truth, truth]).plan(options) if found.terms or truth.terms else ()
