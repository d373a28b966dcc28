"""What a run will cost, known before the first weight byte is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from taskvec.checkpoints.local_files import files_in_use
from taskvec.errors import MemoryLimitError, OutputError, TaskvecError
from taskvec.numerics import load
from taskvec.numerics.kernels import TILE
from taskvec.streaming.aligned import AlignedTensor, calls_of_reading, makers_of_reading
from taskvec.streaming.events import Listener, ignore
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.kernel import Kernel, grain_of
from taskvec.streaming.memory import available_bytes, begun_bytes, format_size, resident_bytes
from taskvec.streaming.units import make_units
from taskvec.types import Grain

MAX_CHUNK = 1 << 18
"""Elements read at once at most: large enough that calls cost nothing, small enough to stay in the last cache."""

DEFAULT_MEMORY = 1 << 30
"""Allowed for the whole process where nothing else is said."""

SLACK_BYTES = 24 << 20
"""Allowed for what a run allocates beside its buffers: results, thread stacks, allocator slack."""

_LEAST_ROOM = 1 << 29
_TENSOR_BYTES = 1024  # of Python objects for one tensor of a running pass
_HEADROOM_BYTES = 8 << 20  # the same command may begin a little larger the next time


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: limits and ways, never what is computed.

    Attributes:
        memory: Allowed bytes for the whole process, and for the processes that it starts. If not given 1 GiB, or half
            a GiB more than a process holds that has imported much or holds a model.
        workers: Threads, or processes, that read and compute.
        device: ``cpu``, or a torch device such as ``cuda``.
        executor: A name of :data:`taskvec.streaming.executors.EXECUTORS`.
        max_chunk: Elements read at once at most; results do not depend on it.
        listener: Called with every event.
        notes: A folder where passes that write nothing note what they have finished; nowhere if not given.
    """

    memory: int = field(default_factory=lambda: max(DEFAULT_MEMORY, resident_bytes() + _LEAST_ROOM))
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    device: str = "cpu"
    executor: str = "threads"
    max_chunk: int = MAX_CHUNK
    listener: Listener = ignore
    notes: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises:
            TaskvecError: If there is no such executor, or its workers cannot have the device.
        """
        executor = EXECUTORS.get(self.executor)
        if executor is None:
            raise TaskvecError(f"unknown executor {self.executor!r}: use {', '.join(EXECUTORS)}")
        if executor.is_elsewhere and self.device != "cpu":
            raise TaskvecError(
                f"{self.executor} compute on cpu alone, for each would hold {self.device} for itself: use --executor "
                "threads"
            )


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """One pass of a plan: all sizes in bytes.

    Attributes:
        label: What it does.
        read_bytes: Read from all sources.
        written_bytes: Written to all outputs.
        units: Units of work.
        workers: Threads, or processes.
        chunk_elements: Elements that a worker reads at once from each source.
        projected_bytes: The most that the process will hold.
        forgets: Whether what was read is dropped from the page cache at once, because all of it would not fit.
    """

    label: str
    read_bytes: int
    written_bytes: int
    units: int
    workers: int
    chunk_elements: int
    projected_bytes: int
    forgets: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The passes of a run and what they need.

    Attributes:
        passes: In order.
        allowed_bytes: The memory limit.
        projected_bytes: The most that the process will hold at any time.
        output_bytes: What appears on disk.
        free_disk_bytes: What is free there now; None where nothing is written.
    """

    passes: tuple[PlannedPass, ...]
    allowed_bytes: int
    projected_bytes: int
    output_bytes: int = 0
    free_disk_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)


def plan_pass(
    label: str, tensors: Sequence[AlignedTensor], kernel: Kernel, options: RunOptions, *, num_outputs: int = 0
) -> PlannedPass:
    """Choose chunk size and workers of one pass so that the whole process stays within the allowed memory.

    Where tensors are held whole, as many workers as may hold the largest at once. Chunks shrink before workers go; but
    what takes so much to be read that smaller chunks would not help, such as a merge, is read by fewer at once.

    Args:
        label: What the pass does.
        tensors: What it reads.
        kernel: What it computes.
        options: The limits.
        num_outputs: Rows that it writes.

    Returns:
        The planned pass.

    Raises:
        MemoryLimitError: If even one worker with the smallest chunk needs more; the message says the least that would
            do.
    """
    load((*kernel.calls, *calls_of_reading(tensors)))
    units = make_units([tensor.num_params for tensor in tensors], grain_of(kernel, tensors))
    room = _Room.of(tensors, kernel, options, num_outputs)
    longest = max((tensor.num_params for tensor in tensors), default=1)
    workers = max(1, min(options.workers, len(units), room.readers(options.memory)))
    chunk = TILE * max(1, min(options.max_chunk // TILE, -(-longest // TILE)))
    least_chunk = chunk if kernel.grain is Grain.TENSOR else TILE
    while room.bytes(workers, least_chunk) > options.memory and workers > 1:
        workers -= 1
    while room.bytes(workers, chunk) > options.memory and chunk > least_chunk:
        chunk = TILE * max(1, chunk // 2 // TILE)
    projected = room.bytes(workers, chunk)
    if projected > options.memory:
        least = -(-(projected + _HEADROOM_BYTES) >> 20)
        raise MemoryLimitError(
            f"{label}: {format_size(options.memory)} of memory is not enough for {_most(tensors, kernel)}; the least "
            f"that would do is {least}MiB: raise --memory{kernel.remedy and f', or {kernel.remedy}'}",
            least << 20,
        )
    read = sum(kernel.read_bytes(tensor, tensor.num_params) for tensor in tensors)
    written = sum(kernel.written_bytes(tensor, tensor.num_params, num_outputs) for tensor in tensors)
    available = available_bytes()
    forgets = available is not None and read > available // 2
    return PlannedPass(label, read, written, len(units), workers, chunk, projected, forgets)


@dataclass(frozen=True)
class _Room:
    """What a pass takes.

    Attributes:
        reserved: Whatever the number of workers.
        scratch: For each worker; where it is a process, with what that is made of.
        kept: For each worker, of what is computed as it is read.
        width: For each worker and element of a chunk.
        computed: Tensors that take something beside rows to be read.
        whole: For each whole tensor that a worker holds, the largest first.
    """

    reserved: int
    scratch: int
    kept: int
    width: int
    computed: Sequence[AlignedTensor]
    whole: Sequence[int]

    @classmethod
    def of(cls, tensors: Sequence[AlignedTensor], kernel: Kernel, options: RunOptions, num_outputs: int) -> _Room:
        num_sources = max((len(tensor.sources) for tensor in tensors), default=0)
        rows = 0 if kernel.grain is Grain.TENSOR else 1 + num_sources + num_outputs
        executor = EXECUTORS.find(options.executor)
        held, own = max((tensor.held_bytes for tensor in tensors), default=0), _TENSOR_BYTES * len(tensors)
        makers = makers_of_reading(tensors)
        made = sum(maker.held_bytes for maker in makers)
        here, each = (0, executor.worker_bytes + own + held + made) if executor.is_elsewhere else (made, 0)
        return cls(
            begun_bytes() + SLACK_BYTES + kernel.held_bytes() + own + held + here,
            kernel.scratch_bytes(num_sources) + each,
            sum(maker.kept_bytes for maker in makers),
            rows * max((tensor.max_itemsize for tensor in tensors), default=4),
            [tensor for tensor in tensors if tensor.scratch_bytes(options.max_chunk)],
            sorted((kernel.unit_bytes(tensor) for tensor in tensors), reverse=True),
        )

    def bytes(self, workers: int, chunk: int) -> int:
        """Return what so many workers hold, those of the largest tensors at the same time."""
        each = self.scratch + self._reading(chunk) + self.width * chunk
        return self.reserved + workers * each + sum(self.whole[:workers])

    def readers(self, memory: int) -> int:
        """Return how many workers may read at once, if that is to take half of what is free where chunks are least."""
        least = self._reading(TILE)
        return (memory - self.reserved) // 2 // least if least else sys.maxsize

    def _reading(self, chunk: int) -> int:
        """Return what a worker takes to read, beside rows."""
        return self.kept + max((tensor.scratch_bytes(chunk) for tensor in self.computed), default=0)


def _most(tensors: Sequence[AlignedTensor], kernel: Kernel) -> str:
    """Say what takes most of the memory."""
    if kernel.grain is not Grain.TENSOR:
        return f"{max((len(tensor.sources) for tensor in tensors), default=0)} sources"
    largest = max(tensors, key=kernel.unit_bytes)
    return f"tensor {largest.name} {list(largest.shape)} and its factors"


def make_plan(
    passes: Sequence[PlannedPass], options: RunOptions, *, target: Path | None = None, output_bytes: int = 0
) -> Plan:
    """Join passes to a plan and check the disk.

    Args:
        passes: The planned passes.
        options: The limits.
        target: Where the output will be, if there is one.
        output_bytes: Bytes that will be written there.

    Returns:
        The plan.

    Raises:
        OutputError: If the disk has no room for the output.
    """
    free = None if target is None else _free_bytes(target)
    if free is not None and free < output_bytes:
        raise OutputError(
            f"{target}: the output needs {format_size(output_bytes)} and the disk has {format_size(free)} free: "
            "free some space or write elsewhere"
        )
    projected = max((planned.projected_bytes for planned in passes), default=resident_bytes())
    return Plan(tuple(passes), options.memory, projected, output_bytes, free)


def plan_all(planned: Callable[[RunOptions], Plan], options: RunOptions) -> Plan:
    """Plan several passes of which each must fit.

    Args:
        planned: Plans all of them.
        options: The limits.

    Returns:
        The plan.

    Raises:
        MemoryLimitError: If one does not fit; the message says the least that would do for every pass.
    """
    try:
        return planned(options)
    except MemoryLimitError as error:
        least = _least(planned, options, error.least_bytes)
        if least == error.least_bytes:
            raise
        raise MemoryLimitError(
            f"{format_size(options.memory)} of memory is not enough for all passes; the least that would do is "
            f"{least >> 20}MiB: raise --memory",
            least,
        ) from error


def _least(planned: Callable[[RunOptions], Plan], options: RunOptions, least: int) -> int:
    """Return what would do for the passes too that come after the one that was refused."""
    while True:
        try:
            planned(replace(options, memory=least))
        except MemoryLimitError as later:
            if later.least_bytes <= least:
                return least
            least = later.least_bytes
        else:
            return least


def _free_bytes(target: Path) -> int:
    folder = target.absolute()
    while not folder.exists():
        folder = folder.parent
    return files_in_use().free_bytes(folder)
