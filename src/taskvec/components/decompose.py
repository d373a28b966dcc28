"""Split task vectors of a store into shared and unique components that live in the store.

Source: arXiv 2512.22511. Cost: one pass that reads the base once and every task twice, and holds one matrix and the
factors at a time; another over what was written, to know it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from taskvec.checkpoints import StagedOutput, open_checkpoint, write_json_atomic
from taskvec.components.decomposition import Decomposition
from taskvec.components.request import Request, Wanted
from taskvec.components.splitting import document_of, factor_filename, split_job
from taskvec.errors import DecompositionError
from taskvec.store.document import SourceDocument
from taskvec.store.kinds.decompositions import (
    DECOMPOSITIONS,
    DecompositionDocument,
    MatrixDocument,
    TaskGroupDocument,
    publish_newest,
)
from taskvec.store.linked import describe_source
from taskvec.store.parts import component_name, subspace_name
from taskvec.store.store import Store
from taskvec.streaming import Journal, Plan, job_key, make_plan, plan_pass, run, run_steps
from taskvec.vectors.fingerprints import Digests, hashing


def decompose(store: Store, **wanted: Unpack[Wanted]) -> Decomposition:
    """Split task vectors; afterwards ``NAME.shared`` and ``NAME.unique`` can be used like any other name.

    A decomposition takes the place of earlier ones of the same tasks. The same request again costs nothing.

    Args:
        store: The store.
        **wanted: ``rank`` or ``energy``, and everything else of
            :class:`taskvec.components.request.Wanted`.

    Returns:
        What was found.
    """
    request = Request.of(store, **wanted)
    there = _already_there(request)
    if there is not None:
        return Decomposition(store, request.tasks, there)
    _plan(request)
    key = request.key()
    folder = store.documents.free_object(key[:32])
    with StagedOutput(folder, resume_key=key) as staged:
        matrices = _split(request, staged)
        weight_map = _weight_map(matrices)
        if weight_map:
            digests = _indexed(store, staged.directory, weight_map)
            staged.publish()
    document = _described(request, matrices, _factors(store, folder, digests) if weight_map else None)
    publish_newest(store.documents.of(DECOMPOSITIONS), document)
    return Decomposition(store, request.tasks, document)


def plan_decompose(store: Store, **wanted: Unpack[Wanted]) -> Plan:
    """Return what splitting would cost, without reading a weight.

    Args:
        store: The store.
        **wanted: As for ``decompose``.

    Returns:
        The plan; without passes where it was done already. Factors are counted as if all were shared that can be.
    """
    request = Request.of(store, **wanted)
    if _already_there(request) is not None:
        return make_plan([], store.options)
    return _plan(request)


def _plan(request: Request) -> Plan:
    """Check memory and disk; where a share of the energy is given, factors are far smaller than they could be."""
    store, job = request.store, split_job(request, request.store.path)
    planned = plan_pass(job.label, job.tensors, job.kernel, store.options)
    needed = planned.written_bytes if request.splitting.rule.rank is not None else 0
    plan = make_plan([planned], store.options, target=store.path, output_bytes=needed)
    return replace(plan, output_bytes=planned.written_bytes)


def _split(request: Request, staged: StagedOutput) -> tuple[MatrixDocument, ...]:
    """Write the factors of every matrix to a staged folder; what a killed run left there is taken up."""
    job = split_job(request, staged.directory)
    with Journal(staged.journal_path, job_key(job)) as journal:
        found = run(job, request.store.options, journal)
    return tuple(document_of(found[tensor.name]) for tensor in request.matrices)


def load_decomposition(store: Store, tasks: Sequence[str]) -> Decomposition:
    """Take the decomposition of some tasks from a store.

    Args:
        store: The store.
        tasks: Their names.

    Returns:
        The decomposition, which may be of more tasks.

    Raises:
        DecompositionError: If they were not split together.
    """
    documents = [store.documents.vector(task) for task in tasks]
    found = [store.documents.decomposition_of(document) for document in documents]
    first = found[0] if found else None
    if first is None or any(other != first for other in found):
        raise DecompositionError(
            f"{', '.join(tasks)} were not split together: run taskvec decompose {store.path} {' '.join(tasks)}"
        )
    names = {store.documents.vector(name).identity: name for name in store.names}
    return Decomposition(store, tuple(names.get(task.fingerprint, task.name) for task in first.tasks), first)


def _already_there(request: Request) -> DecompositionDocument | None:
    found = [request.store.documents.decomposition_of(document) for document in request.documents]
    first = found[0]
    is_same = first is not None and all(other == first for other in found)
    if first is None or not is_same or first.tasks != request.task_documents() or first.wanted != request.wanted:
        return None
    return first


def _weight_map(matrices: Sequence[MatrixDocument]) -> dict[str, str]:
    files = {}
    for index, matrix in enumerate(matrices):
        for group, sharing in matrix.groups.items():
            if sharing.rank:
                files[subspace_name(group, matrix.name)] = factor_filename(index)
                files |= {component_name(group, task, matrix.name): factor_filename(index) for task in sharing.energy}
    return files


def _indexed(store: Store, folder: Path, weight_map: Mapping[str, str]) -> Digests:
    """Make one checkpoint of the files of all matrices, and hash it."""
    write_json_atomic(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": dict(weight_map)})
    with open_checkpoint(folder) as factors:
        return run_steps(hashing(factors), store.options)


def _factors(store: Store, folder: Path, digests: Digests) -> SourceDocument:
    with open_checkpoint(folder) as factors:
        return describe_source(factors, digests, folder.name, store.path)


def _described(
    request: Request, matrices: tuple[MatrixDocument, ...], factors: SourceDocument | None
) -> DecompositionDocument:
    return DecompositionDocument(
        wanted=dict(request.wanted),
        side=request.splitting.side.value,
        tasks=request.task_documents(),
        groups=tuple(TaskGroupDocument(name=group.name, tasks=group.tasks) for group in request.splitting.tree),
        matrices=matrices,
        factors=factors,
        nbytes=sum(state.size for state in factors.files) if factors else 0,
    )
