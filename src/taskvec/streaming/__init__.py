"""How work is run: units, plan, memory, events, executors."""

from taskvec.streaming.aligned import AlignedTensor, Arrays, Chunk, Located, calls_of_reading
from taskvec.streaming.engine import MODEL, run
from taskvec.streaming.identity import job_key
from taskvec.streaming.job import Job
from taskvec.streaming.journal import Journal
from taskvec.streaming.kernel import ChunkKernel, Kernel, Notes, TensorKernel
from taskvec.streaming.plan import Plan, PlannedPass, RunOptions, make_plan, plan_pass
from taskvec.streaming.reducing import Reducing
from taskvec.streaming.sinks import TensorSink
from taskvec.streaming.staged import Folder, Staged
from taskvec.streaming.steps import Foreseen, NotesOf, Pass, Steps, in_turn, no_notes, plan_steps, run_steps

__all__ = [
    "MODEL",
    "AlignedTensor",
    "Arrays",
    "Chunk",
    "ChunkKernel",
    "Folder",
    "Foreseen",
    "Job",
    "Journal",
    "Kernel",
    "Located",
    "Notes",
    "NotesOf",
    "Pass",
    "Plan",
    "PlannedPass",
    "Reducing",
    "RunOptions",
    "Staged",
    "Steps",
    "TensorKernel",
    "TensorSink",
    "calls_of_reading",
    "in_turn",
    "job_key",
    "make_plan",
    "no_notes",
    "plan_pass",
    "plan_steps",
    "run",
    "run_steps",
]
