"""What is asked of a compression, checked before anything is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict, Unpack

from taskvec.bases.atoms import atom_dtype
from taskvec.checkpoints import quantized_layout
from taskvec.checkpoints.factored import factored_layout
from taskvec.errors import BasisError
from taskvec.linalg.encoders import Method, MethodOptions, find_method, options_of
from taskvec.linalg.groups import Grouping
from taskvec.store.store import Store
from taskvec.streaming import AlignedTensor
from taskvec.types import DType, TensorInfo
from taskvec.vectors.alignment import Alignment, Rule, align
from taskvec.vectors.factored_products import is_factored
from taskvec.vectors.forms import Form


class Wanted(TypedDict, total=False):
    """The keywords of :func:`taskvec.compress`.

    Attributes:
        num_atoms: M, for each group; or
        max_error: the largest allowed relative error ‖V̂ − V‖_F / ‖V‖_F, rounding included, kept by the fewest bytes.
        worst_task: Let ``max_error`` hold for every single task instead of for all together.
        method: A name of ``METHODS``; ``spectral`` if not given.
        options: The method's options, by name.
        seed: The key of a method that draws at random; others need none.
        tasks: The T task vectors; all if not given.
        fit_on: The tasks that atoms are made from, or how many, spread evenly over all; the others are projected on the
            atoms, in time that grows as T, and ``max_error`` does not speak of them. All if not given.
        normalize: Take every vector with norm 1 when atoms are chosen, so that large ones do not own them.
        group: What has a basis of its own: ``model``, ``layer`` or ``tensor``.
        dtype: The atoms' dtype, or int8 with a scale for each row; each tensor keeps the base's own if not given, and
            factors are float32.
        rank: The most directions that an atom keeps of each matrix, where all task vectors are low-rank.
    """

    num_atoms: int | None
    max_error: float | None
    worst_task: bool
    method: str
    options: Mapping[str, Any] | None
    seed: int | None
    tasks: Sequence[str] | None
    fit_on: Sequence[str] | int | None
    normalize: bool
    group: str
    dtype: DType | None
    rank: int | None


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    Attributes:
        store: The store.
        basis: The new basis' name.
        method: The method.
        options: Its options.
        num_atoms: M, if that is given.
        max_error: The allowed error, if that is given.
        worst_task: Whether it is allowed for every task.
        normalize: Whether vectors count with norm 1.
        grouping: What has a basis of its own.
        tasks: The T names.
        forms: The T forms.
        alignment: The combinable tensors with their output dtypes.
        is_quantized: Whether atoms become int8.
        ranks: Tensor → the rank of atoms there; None where atoms are whole tensors.
        factor_dtype: The dtype of factors.
        wanted: What can be asked again, as plain data.
    """

    store: Store
    basis: str
    method: Method
    options: MethodOptions
    num_atoms: int | None
    max_error: float | None
    worst_task: bool
    normalize: bool
    grouping: Grouping
    tasks: tuple[str, ...]
    forms: tuple[Form, ...]
    alignment: Alignment
    is_quantized: bool
    ranks: Mapping[TensorInfo, int] | None
    factor_dtype: DType
    wanted: Mapping[str, Any]

    @property
    def allow(self) -> frozenset[Rule]:
        """Rules that the vectors were added with."""
        return frozenset(use.rule for use in self.alignment.uses)

    @cached_property
    def atom_bytes(self) -> Mapping[str, int]:
        """Tensor → the bytes that an atom takes in it, as it will be written; none only where it has no elements."""
        ranks = {info.name: (info, rank) for info, rank in (self.ranks or {}).items()}
        sizes = {}
        for tensor in self.alignment.tensors:
            infos = [TensorInfo(tensor.name, atom_dtype(tensor), tensor.shape)]
            if tensor.name in ranks:
                infos = factored_layout(dict([ranks[tensor.name]]), self.factor_dtype)
            elif self.is_quantized:
                infos = quantized_layout(infos)
            sizes[tensor.name] = max(sum(info.nbytes for info in infos), 1) if tensor.num_params else 0
        return sizes

    @classmethod
    def of(cls, store: Store, basis: str, **wanted: Unpack[Wanted]) -> Request:
        """Check what is asked for.

        Args:
            store: The store.
            basis: The name of the new basis.
            **wanted: The keywords of ``compress`` but ``fit_on``, which parts its tasks before.

        Returns:
            The request.

        Raises:
            BasisError: If no basis can be as asked.
        """
        given = wanted.get("tasks")
        names = tuple(dict.fromkeys(store.names if given is None else given))
        method = find_method(wanted.get("method", "spectral"))
        num_atoms, max_error, dtype = wanted.get("num_atoms"), wanted.get("max_error"), wanted.get("dtype")
        _check_size(num_atoms, max_error, method, len(names))
        forms, alignment = _aligned(store, names, DType.F32 if dtype is DType.I8 else dtype)
        ranks = None
        if dtype is not DType.I8 and method.name != "random":
            ranks = _ranks(alignment.tensors, forms, wanted.get("rank"))
        _check_rank(wanted.get("rank"), ranks)
        return cls(
            store=store,
            basis=basis,
            method=method,
            options=_options(method, wanted.get("options") or {}, wanted.get("seed")),
            num_atoms=num_atoms,
            max_error=max_error,
            worst_task=wanted.get("worst_task", False),
            normalize=wanted.get("normalize", False),
            grouping=_grouping(wanted.get("group", "model")),
            tasks=names,
            forms=forms,
            alignment=alignment,
            is_quantized=dtype is DType.I8,
            ranks=ranks,
            factor_dtype=dtype or DType.F32,
            wanted={key: value for key, value in wanted.items() if key != "tasks" and value is not None},
        )


def _aligned(store: Store, names: Sequence[str], dtype: DType | None) -> tuple[tuple[Form, ...], Alignment]:
    """Return the task vectors, and their combinable tensors with output dtypes."""
    documents = [store.documents.vector(name) for name in names]
    forms = tuple(store.form(document) for document in documents)
    allow = frozenset(Rule(use.rule) for document in documents for use in document.rules)
    aligned = align(store.base.checkpoint, forms, allow).with_output(dtype)
    return forms, Alignment(aligned.combinable, aligned.uses)


def _ranks(
    tensors: Sequence[AlignedTensor], forms: Sequence[Form], rank: int | None
) -> Mapping[TensorInfo, int] | None:
    """Return the rank that an atom has in each tensor; None where atoms are whole tensors, as most are."""
    if not all(is_factored(tensor, forms) for tensor in tensors):
        return None
    from taskvec.bases.factored_atoms import atom_ranks

    return atom_ranks(tensors, forms, rank)


def _options(method: Method, given: Mapping[str, Any], seed: int | None) -> MethodOptions:
    draws = any(field.name == "seed" for field in dataclasses.fields(method.options))
    return options_of(method, {"seed": seed, **given} if draws and seed is not None else given)


def _check_rank(rank: int | None, ranks: Mapping[TensorInfo, int] | None) -> None:
    """Refuse a rank that atoms cannot have.

    Raises:
        BasisError: If it is none, or atoms are whole tensors.
    """
    if rank is not None and rank < 1:
        raise BasisError(f"a rank of {rank} keeps nothing: use 1 or more")
    if rank is not None and ranks is None:
        raise BasisError(
            "a rank goes with low-rank task vectors, factors that save bytes, and no int8: these atoms are whole "
            "tensors; leave --rank out, or extract adapters first (taskvec extract-lora)"
        )


def _grouping(name: str) -> Grouping:
    try:
        return Grouping(name)
    except ValueError:
        raise BasisError(f"unknown group {name!r}: use one of {', '.join(Grouping)}") from None


def _check_size(num_atoms: int | None, max_error: float | None, method: Method, num_tasks: int) -> None:
    if num_tasks < 2:
        raise BasisError(f"a basis needs at least two task vectors, not {num_tasks}: add more to the store")
    if (num_atoms is None) == (max_error is None):
        raise BasisError("say either how many atoms or which error is allowed, not both")
    most = num_tasks - 1 - method.extra_atoms
    if num_atoms is not None and not 1 <= num_atoms <= most:
        beside = f" and {method.extra_atoms} more that {method.name} stores" if method.extra_atoms else ""
        use = f"use 1 to {most}" if most > 1 else "use 1" if most == 1 else "add more task vectors"
        raise BasisError(f"{num_atoms} atoms{beside} for {num_tasks} task vectors: {use}")
    if max_error is not None and not 0 < max_error < 1:
        raise BasisError(f"an allowed error of {max_error:g} makes no sense: use a number between 0 and 1")
    if max_error is not None and method.name == "random":
        raise BasisError("random atoms are not chosen by their error: say how many (--atoms)")
