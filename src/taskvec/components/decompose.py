"""Split task vectors of a store into shared and unique components that live in the store.

Source: arXiv 2512.22511. Cost: one pass that reads the base once and every task twice, and holds one matrix and the
factors at a time; another over what was written, to know it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from taskvec.checkpoints import Checkpoint, StagedOutput, expected_checkpoint, open_checkpoint, write_json_atomic
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
from taskvec.store.linked import describe_source, described_by_content
from taskvec.store.parts import component_name, subspace_name
from taskvec.store.store import Store
from taskvec.streaming import (
    Folder,
    Foreseen,
    Job,
    Pass,
    RunOptions,
    Staged,
    Steps,
    plan_pass,
    plan_steps,
    run,
    run_steps,
)
from taskvec.vectors.fingerprints import hashing


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
    plan_steps(_steps(request), store.options)  # what does not fit is refused before anything is written
    document = run_steps(_steps(request), store.options)
    publish_newest(store.documents.of(DECOMPOSITIONS), document)
    return Decomposition(store, request.tasks, document)


def decomposing(store: Store, **wanted: Unpack[Wanted]) -> Steps[DecompositionDocument]:
    """Take the steps of :func:`decompose`, which publishes what they return: none, where that was done already.

    Args:
        store: The store.
        **wanted: As for ``decompose``.

    Returns:
        The decomposition; a plan counts factors as if all were shared that can be.
    """
    return (yield from _steps(Request.of(store, **wanted)))


def _steps(request: Request) -> Steps[DecompositionDocument]:
    there, store, key = _already_there(request), request.store, request.key()
    if there is not None:
        return there

    def begun() -> StagedOutput:
        return StagedOutput(store.documents.free_object(key[:32]), resume_key=key)

    def within(folder: Folder) -> Steps[DecompositionDocument]:
        split = yield from _Splitting(request, folder)
        if split.factors is None:
            return _described(request, split.matrices, None)
        with split.factors as factors:
            digests = yield from hashing(factors, label=f"hash what {len(request.tasks)} task vectors share")
        return _described(request, split.matrices, described_by_content(digests))

    def published(staged: StagedOutput, document: DecompositionDocument) -> DecompositionDocument:
        if document.factors is None:
            return document
        staged.publish()
        with open_checkpoint(staged.target) as opened:
            factors = describe_source(opened, document.factors.digests, staged.target.name, store.path)
        size = sum(state.size for state in factors.files)
        return document.model_copy(update={"factors": factors, "nbytes": size})

    return (yield from Staged(store.path, begun, within, published))


@dataclass(frozen=True, slots=True)
class _Split:
    """What became of all matrices.

    Attributes:
        matrices: How each was split.
        factors: One checkpoint of all factors; None where nothing is shared.
    """

    matrices: tuple[MatrixDocument, ...]
    factors: Checkpoint | None


@dataclass(frozen=True)
class _Splitting(Pass[_Split]):
    """Splitting all matrices; what a killed run has finished is taken up.

    Attributes:
        request: What is asked.
        folder: Where the files of factors go.
    """

    request: Request
    folder: Folder

    def foresee(self, options: RunOptions) -> Foreseen[_Split]:
        """Count factors as if all were shared that can be; where an energy is given, they are far smaller than that."""
        splitting, job = self.request.splitting, self._job
        planned = plan_pass(job.label, job.tensors, job.kernel, options)
        infos = [info for tensor in job.tensors for info in splitting.most_factors(tensor)]
        return Foreseen(
            _Split((), expected_checkpoint("factors", infos)),
            (planned,),
            planned.written_bytes,
            unsure_bytes=planned.written_bytes if splitting.rule.rank is None else 0,
        )

    def run(self, options: RunOptions) -> _Split:
        """Write the factors of every matrix, and make one checkpoint of them."""
        job, path = self._job, self.folder.path
        with self.folder.notes(job) as journal:
            found = run(job, options, journal)
        matrices = tuple(document_of(found[tensor.name]) for tensor in job.tensors)
        weight_map = _weight_map(matrices)
        if not weight_map:
            return _Split(matrices, None)
        write_json_atomic(path / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
        return _Split(matrices, open_checkpoint(path))

    @property
    def _job(self) -> Job:
        return split_job(self.request, self.folder.path)


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
        nbytes=0,
    )
