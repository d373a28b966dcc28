"""How work is run: units, plan, memory, events, executors."""

from taskvec.streaming.engine import run
from taskvec.streaming.identity import job_key
from taskvec.streaming.job import (
    AlignedTensor,
    Arrays,
    Chunk,
    Job,
    Kernel,
    Located,
    Notes,
    TensorSink,
    calls_of_reading,
    warm_up_reading,
)
from taskvec.streaming.journal import Journal
from taskvec.streaming.plan import Plan, PlannedPass, RunOptions, make_plan, plan_pass

__all__ = [
    "AlignedTensor",
    "Arrays",
    "Chunk",
    "Job",
    "Journal",
    "Kernel",
    "Located",
    "Notes",
    "Plan",
    "PlannedPass",
    "RunOptions",
    "TensorSink",
    "calls_of_reading",
    "job_key",
    "make_plan",
    "plan_pass",
    "run",
    "warm_up_reading",
]
