"""Run one operation under a memory limit in a process of its own, and say what was planned and what was taken.

Called as ``limited_run.py OPERATION FOLDER LIMIT``; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from taskvec import RunOptions, Store, compress, decompose, edit, similarity
from taskvec.bases.compress import compressing
from taskvec.components.decompose import decomposing
from taskvec.editing.edit import Editing
from taskvec.editing.scope.over_store import ground_of
from taskvec.errors import MemoryLimitError
from taskvec.store.similarity import comparing
from taskvec.streaming import Plan, plan_steps
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.memory import resident_bytes
from taskvec.vectors.output import OutputOptions

EXPRESSION = "base + 0.5*a - 0.25*b + c"
Task = tuple[Callable[[], Plan], Callable[[], object]]


def _similarity(store: Store, folder: Path) -> Task:
    for file in (store.path / "gram").iterdir():
        file.unlink()
    return lambda: plan_steps(comparing(store), store.options), lambda: similarity(store)


def _add(store: Store, folder: Path) -> Task:
    refs = {f"new_{name}": folder / "models" / name for name in "abc"}
    return lambda: plan_steps(store.adding(refs), store.options), lambda: store.add(refs)


def _edit(store: Store, folder: Path) -> Task:
    editing = Editing.of(ground_of(store), EXPRESSION, output=OutputOptions(shard_size=20 << 20))
    return lambda: editing.plan(folder / "out"), lambda: edit(store, EXPRESSION, folder / "out", output=editing.output)


def _compress(store: Store, folder: Path) -> Task:
    return lambda: plan_steps(compressing(store, "two", num_atoms=2), store.options), lambda: compress(
        store, "two", num_atoms=2
    )


def _merge(call: str) -> Callable[[Store, Path], Task]:
    def task(store: Store, folder: Path) -> Task:
        editing = Editing.of(ground_of(store), f"base + {call}")
        out = folder / f"{call} {store.options.memory}"
        return lambda: editing.plan(out), lambda: editing.save(out)

    return task


OPERATIONS: dict[str, Callable[[Store, Path], Task]] = {
    "similarity": _similarity,
    "add": _add,
    "edit": _edit,
    "compress": _compress,
    "merge by inner products": _merge("karcher(a, b, c)"),
}

FORMULAS: dict[str, Callable[[Store, Path], Task]] = {
    "merge by elements": _merge("dare_ties(a, b, c, density=0.5)"),
    "merge by order statistics": _merge("breadcrumbs_ties(a, b, c)"),
    "merge of many by rows": _merge("della(a, b, c, a + b, a + c, b + c, a - b, a - c)"),
    "merge of a merge": _merge("ties(c, dare_ties(a, b))"),
    "merge of what ranks scores": _merge("della(c, sce(a, b))"),
}
"""What works on parts of all task vectors at once: small ones, or whole rows."""


def _decompose(store: Store, folder: Path) -> Task:
    return lambda: plan_steps(decomposing(store, rank=24), store.options), lambda: decompose(store, rank=24)


WHOLE_MATRICES: dict[str, Callable[[Store, Path], Task]] = {
    "decompose": _decompose,
    "merge by singular values": _merge("tsv(a, b, c)"),
}
"""What holds one matrix at a time."""


PROCESSES: dict[str, Callable[[Store, Path], Task]] = {
    "edit by processes": _edit,
    "merge by processes": FORMULAS["merge of a merge"],
}
"""What is done by two processes, or by one where that is all that fits."""


def peak_bytes(process: int | str = "self") -> int:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the system does not say how much memory was taken at most")


def _elsewhere_bytes() -> int:
    """Return what the processes of the last pass took at most."""
    pool = EXECUTORS["processes"]._idle  # type: ignore[attr-defined]
    return sum(map(peak_bytes, pool.processes._processes)) if pool else 0


def main(operation: str, folder: Path, limit: int) -> dict[str, object]:
    executor = "processes" if operation in PROCESSES else "threads"
    store = Store(folder / "store", RunOptions(memory=limit, workers=2, executor=executor))
    plan, work = {**OPERATIONS, **FORMULAS, **WHOLE_MATRICES, **PROCESSES}[operation](store, folder)
    try:
        planned = plan()
    except MemoryLimitError as error:
        return {"refused": str(error), "resident": resident_bytes()}
    work()
    measured, elsewhere = peak_bytes(), _elsewhere_bytes()
    return {
        "allowed": limit,
        "projected": planned.projected_bytes,
        "measured": measured + elsewhere,
        "elsewhere": elsewhere,
        "workers": planned.passes[-1].workers,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
