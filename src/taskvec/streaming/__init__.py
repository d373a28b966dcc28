"""How work is run: units, plan, memory, events, executors."""

from taskvec.streaming.aligned import AlignedTensor, Arrays, Chunk, Located, calls_of_reading
from taskvec.streaming.engine import MODEL, run
from taskvec.streaming.identity import job_key
from taskvec.streaming.job import Job
from taskvec.streaming.journal import Journal
from taskvec.streaming.kernel import ChunkKernel, Kernel, Notes, TensorKernel
from taskvec.streaming.plan import Plan, PlannedPass, RunOptions, make_plan, plan_pass
from taskvec.streaming.sinks import TensorSink

__all__ = [
    "MODEL",
    "AlignedTensor",
    "Arrays",
    "Chunk",
    "ChunkKernel",
    "Job",
    "Journal",
    "Kernel",
    "Located",
    "Notes",
    "Plan",
    "PlannedPass",
    "RunOptions",
    "TensorKernel",
    "TensorSink",
    "calls_of_reading",
    "job_key",
    "make_plan",
    "plan_pass",
    "run",
]
