"""The parts of a task vector that was decomposed: known by the decomposition, computed as they are read.

The factors of all shared components are one checkpoint: ``subspace/GROUP/TENSOR`` is the factor that all tasks of a
group have in common, ``component/GROUP/TASK/TENSOR`` that of one task. A shared component is the sum of the products of
a task's groups; a unique component is the task vector less that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal, cast

from blake3 import blake3

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.derived import Remainder, derived
from taskvec.checkpoints.products import Product, Stored, SumOfProducts
from taskvec.checkpoints.table import TensorSource
from taskvec.expressions.leaves import Named
from taskvec.store.document import SourceDocument
from taskvec.store.kinds.decompositions import DecompositionDocument, SharingDocument
from taskvec.store.kinds.vectors import VectorDocument
from taskvec.streaming import AlignedTensor
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Dense, LowRank, Source


def subspace_name(group: str, tensor: str) -> str:
    """Return the name of the factor that a group has in common."""
    return f"subspace/{group}/{tensor}"


def component_name(group: str, task: str, tensor: str) -> str:
    """Return the name of the factor of one task."""
    return f"component/{group}/{task}/{tensor}"


def task_in(decomposition: DecompositionDocument, vector: VectorDocument) -> str:
    """Return what a decomposition calls a vector."""
    return next(task.name for task in decomposition.tasks if task.fingerprint == vector.identity)


def part_document(vector: VectorDocument, named: Named, decomposition: DecompositionDocument) -> VectorDocument:
    """Describe a part as if it were a vector of the store.

    Args:
        vector: The whole.
        named: The part: ``shared``, of all groups or of one; or ``unique``.
        decomposition: Its decomposition.

    Returns:
        The document, with an identity of its own; its ``source`` is that of the factors.
    """
    task, factors = task_in(decomposition, vector), decomposition.factors
    kind, group = str(named.part), named.group
    found = list(_sharing(decomposition, task, group))
    shared = sum(sharing.energy[task] for _, _, sharing in found)
    square = shared if kind == "shared" else max(vector.norm**2 - shared, 0.0)
    name = str(named)
    digests = {name: factors.digests[name] for name in _factor_names(found, task)} if factors else {}
    return VectorDocument(
        name=name,
        form=cast("Literal['shared', 'unique']", kind),
        source=SourceDocument(
            ref=name,
            path=factors.path if factors else "",
            fingerprint=_fingerprint(vector, kind, digests),
            digests=digests,
            num_params=vector.source.num_params,
            nbytes=decomposition.nbytes,
            files=factors.files if factors else (),
        ),
        norm=square**0.5,
        rules=vector.rules,
    )


def shared_part(
    document: VectorDocument,
    task: str,
    decomposition: DecompositionDocument,
    tensors: Mapping[str, TensorInfo],
    factors: Checkpoint | None,
) -> LowRank:
    """Return the shared component of a task as the engine reads it.

    Args:
        document: What :func:`part_document` returned.
        task: What the decomposition calls the task.
        decomposition: The decomposition.
        tensors: The base's tensors.
        factors: The factors, where there are any.

    Returns:
        The form; tensors of which nothing is shared are zero.
    """
    products = _products(decomposition, task, Named.of(document.name).group, factors)
    sources = {TensorInfo(name, DType.F32, tensors[name].shape): product for name, product in products.items()}
    computed = derived(document.name, sources, [factors] if factors else [])
    return LowRank(Source(document.source.fingerprint, computed, is_hashed=True))


def unique_part(
    document: VectorDocument, aligned: tuple[AlignedTensor, ...], shared: LowRank, *, is_centered: bool
) -> Dense:
    """Return the unique component of a task as one form, for what takes every vector as a single form.

    Args:
        document: What :func:`part_document` returned.
        aligned: The tensors of the whole vector, aligned with the base's.
        shared: Its shared component.
        is_centered: Whether the vector is a fine-tuned model less the base.

    Returns:
        The form.
    """
    less = shared.source.checkpoint
    sources: dict[TensorInfo, TensorSource] = {}
    for tensor in aligned:
        whole, base = tensor.sources[0], tensor.base
        minus = [Stored(base.checkpoint, base.info.name)] if base and is_centered else []
        minus += [Stored(less, tensor.name)] if tensor.name in less.tensors else []
        info = TensorInfo(tensor.name, DType.F32, tensor.shape)
        sources[info] = Remainder(Stored(whole.checkpoint, whole.info.name), tuple(minus))
    origins = [less, *(located.checkpoint for tensor in aligned for located in tensor.located)]
    computed = derived(document.name, sources, origins)
    return Dense(Source(document.source.fingerprint, computed, is_hashed=True))


def low_rank_unique_part(document: VectorDocument, whole: LowRank, shared: LowRank) -> LowRank:
    """Return the unique component of a low-rank vector: its products, and those of its shared component negated.

    Args:
        document: What :func:`part_document` returned.
        whole: The vector.
        shared: Its shared component.

    Returns:
        The form.
    """
    from_whole, less = whole.source.checkpoint, shared.source.checkpoint
    sources: dict[TensorInfo, TensorSource] = {}
    for info in [*from_whole.tensors.values(), *(i for n, i in less.tensors.items() if n not in from_whole.tensors)]:
        products = whole.products(info.name)
        negated = tuple(replace(product, scale=-product.scale) for product in shared.products(info.name) or ())
        if products is None:
            parts = (Stored(less, info.name),) if negated else ()
            sources[info] = Remainder(Stored(from_whole, info.name), parts)
        else:
            sources[info] = SumOfProducts((*products, *negated))
    computed = derived(document.name, sources, [from_whole, less])
    return LowRank(Source(document.source.fingerprint, computed, is_hashed=True))


def _products(
    decomposition: DecompositionDocument, task: str, group: str | None, factors: Checkpoint | None
) -> dict[str, SumOfProducts]:
    terms: dict[str, tuple[Product, ...]] = {}
    for tensor, name, _ in _sharing(decomposition, task, group) if factors else ():
        common, own = subspace_name(name, tensor), component_name(name, task, tensor)
        left, right = (own, common) if decomposition.side == "right" else (common, own)
        terms[tensor] = (*terms.get(tensor, ()), Product.of_stored(cast("Checkpoint", factors), left, right))
    return {tensor: SumOfProducts(products) for tensor, products in terms.items()}


def _sharing(
    decomposition: DecompositionDocument, task: str, group: str | None
) -> Iterator[tuple[str, str, SharingDocument]]:
    """Yield tensor, group and sharing wherever a task shares something: in one group, or in all if none is named."""
    for matrix in decomposition.matrices:
        for name, sharing in matrix.groups.items():
            if sharing.rank and task in sharing.energy and (not group or group == name):
                yield matrix.name, name, sharing


def _factor_names(found: Iterable[tuple[str, str, SharingDocument]], task: str) -> Iterator[str]:
    for tensor, group, _ in found:
        yield subspace_name(group, tensor)
        yield component_name(group, task, tensor)


def _fingerprint(vector: VectorDocument, kind: str, digests: Mapping[str, str]) -> str:
    key = blake3(kind.encode())
    if kind == "unique":
        key.update(vector.identity.encode())
    for name, digest in digests.items():
        key.update(f"\0{name}\0{digest}".encode())
    return key.hexdigest()
