"""What it costs to hash checkpoints, known from their headers."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from taskvec.checkpoints import open_checkpoint
from taskvec.streaming import AlignedTensor, Located, Plan, PlannedPass, RunOptions, make_plan, plan_pass
from taskvec.vectors.fingerprints import scan_job


def plan_hashing(refs: Iterable[str | PathLike[str]], options: RunOptions) -> Plan:
    """Plan one pass for each checkpoint.

    Args:
        refs: The checkpoints.
        options: The limits.

    Returns:
        The plan.
    """
    return make_plan([_one_pass(ref, options) for ref in refs], options)


def _one_pass(ref: str | PathLike[str], options: RunOptions) -> PlannedPass:
    with open_checkpoint(ref) as checkpoint:
        infos = checkpoint.tensors.values()
        tensors = [AlignedTensor(info.name, info.shape, None, (Located(checkpoint, info),)) for info in infos]
        job = scan_job(f"hash {checkpoint.ref}", tensors, [False], options)
        return plan_pass(job.label, job.tensors, job.kernel, options)
