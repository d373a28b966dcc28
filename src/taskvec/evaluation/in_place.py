"""A loaded torch module whose weights are moved along task vectors in memory, again and again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from taskvec.errors import EvaluationError, MissingExtraError
from taskvec.evaluation.saved_names import weights_by_name
from taskvec.streaming import RunOptions
from taskvec.vectors.edited import Edited
from taskvec.vectors.task_vector import TaskVector

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

    from taskvec.checkpoints import Checkpoint
    from taskvec.editing.scope.over_basis import Addition
    from taskvec.store.store import Store

Direction = TaskVector | Mapping[str, Any]
"""A task vector, or its values by tensor: numpy arrays or torch tensors of the module's shapes."""


class InPlace:
    """θ = θ₀ + Σ cᵢ τᵢ in a module's own memory: no checkpoint is read or written from one coefficient to the next.

    θ₀ is what the module holds at first. Sums are taken in float32 and rounded once to each weight's dtype. Tensors
    that share memory (tied weights) are edited once. Memory: the module, one copy of the tensors that a direction
    names, and every direction in float32, on the module's device.

    Leave it as a context manager, or call :meth:`restore`, to have θ₀ back, bit for bit.

    Attributes:
        model: The module.
        names: The directions.
    """

    def __init__(self, model: Module, directions: Mapping[str, Direction], options: RunOptions | None = None) -> None:
        """Read the directions, once.

        Args:
            model: The module, at θ₀; directions use its names of tensors, or those that its checkpoints have.
            directions: Name → τ.
            options: The limits of reading task vectors; beside what is held, half a GiB if not given.

        Raises:
            MissingExtraError: If torch is not installed.
            EvaluationError: If a direction has a tensor that the module lacks, or has in another shape or as integers.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch", "torch", "editing a module in place") from error
        self._torch = torch
        self.model = model
        self.names = tuple(directions)
        self._weights = weights_by_name(model)
        self._deltas: dict[str, dict[str, torch.Tensor]] = {}
        for name, direction in directions.items():
            for tensor, values in _unique(self._weights, _values(direction, options), name):
                weight = self._weight(tensor, values, name)
                delta = torch.as_tensor(values).to(device=weight.device, dtype=torch.float32)
                self._deltas.setdefault(tensor, {})[name] = delta
        self._start = {tensor: self._weights[tensor].clone() for tensor in self._deltas}

    def __repr__(self) -> str:
        return f"<InPlace {type(self.model).__name__}: {len(self._start)} tensors along {', '.join(self.names) or '0'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    def with_coefficients(self, coefficients: Mapping[str, float]) -> Module:
        """Set θ = θ₀ + Σ cᵢ τᵢ.

        Args:
            coefficients: Direction → cᵢ; those that are not named count 0.

        Returns:
            The module itself.

        Raises:
            EvaluationError: If there is no such direction.
        """
        if unknown := [name for name in coefficients if name not in self.names]:
            raise EvaluationError(f"no direction {unknown[0]!r}: there are {', '.join(self.names) or 'none'}")
        used = {name: float(value) for name, value in coefficients.items() if value}
        with self._torch.no_grad():
            for tensor, deltas in self._deltas.items():
                along = {name: used[name] for name in deltas if name in used}
                self._weights[tensor].copy_(_moved(self._start[tensor], deltas, along))
        return self.model

    def restore(self) -> Module:
        """Put θ₀ back, bit for bit.

        Returns:
            The module itself.
        """
        return self.with_coefficients({})

    def _weight(self, tensor: str, values: Any, direction: str) -> torch.Tensor:
        if tensor not in self._weights:
            raise EvaluationError(
                f"direction {direction!r}: tensor {tensor} is no float tensor of {type(self.model).__name__}; "
                "load the model class whose names the checkpoint has"
            )
        weight: torch.Tensor = self._weights[tensor]
        if tuple(values.shape) != tuple(weight.shape):
            raise EvaluationError(
                f"direction {direction!r}: tensor {tensor} has shape {tuple(values.shape)}, "
                f"and {tuple(weight.shape)} in the model; take a vector of the same architecture"
            )
        return weight


def moved_along(model: InPlace, scaling: float, along: Mapping[str, float]) -> Module:
    """Set θ = θ₀ + λ Σ cᵢ τᵢ.

    Args:
        model: The module and its directions.
        scaling: λ.
        along: Direction → cᵢ.

    Returns:
        The module.
    """
    return model.with_coefficients({direction: scaling * c for direction, c in along.items()})


def read_direction(
    store: Store, expression: str, *, basis: str | None = None, addition: Addition = "recovered"
) -> dict[str, Any]:
    """Compute an expression over a store as a direction, streamed and never on disk.

    Args:
        store: The store.
        expression: Without ``base``, such as ``ties(math, code, density=0.2)`` or ``math.unique``.
        basis: Take the vectors from this basis; then only its atoms are read.
        addition: What the sum of all tasks of a basis is, as in :func:`taskvec.edit`.

    Returns:
        Tensor → float32 values.

    Raises:
        EvaluationError: If the expression has a base, and is a model.
    """
    from taskvec.editing.edit import Editing
    from taskvec.editing.scope.over_store import ground_of

    editing = Editing.of(ground_of(store, basis, addition), expression)
    editing = replace(editing, options=_with_room(store.options, store.base.checkpoint))
    if editing.edited.target is not None:
        raise EvaluationError(f"expression {expression!r} is a model, not a direction; leave base out")
    return dict(editing.tensors())


def _values(direction: Direction, options: RunOptions | None) -> Iterable[tuple[str, Any]]:
    if not isinstance(direction, TaskVector):
        return direction.items()
    limits = options or _with_room(RunOptions(), direction.base.checkpoint)
    return Edited(direction, None).deltas(limits)


def _with_room(options: RunOptions, base: Checkpoint) -> RunOptions:
    """Allow beside what the process holds now the values that it is about to hold, and half a GiB to read them with."""
    held = sum(info.num_params for info in base.tensors.values() if info.dtype.is_combinable) * 4
    return replace(options, memory=max(options.memory, RunOptions().memory + held))


def _unique(
    weights: Mapping[str, torch.Tensor], values: Iterable[tuple[str, Any]], direction: str
) -> Iterator[tuple[str, Any]]:
    """Yield each tensor once, under the module's first name for its memory.

    Raises:
        EvaluationError: If tied tensors are to move apart.
    """
    first: dict[tuple[int, tuple[int, ...]], str] = {}
    names = {name: first.setdefault((weight.data_ptr(), tuple(weight.shape)), name) for name, weight in weights.items()}
    seen: dict[str, Any] = {}
    for tensor, value in values:
        name = names.get(tensor, tensor)
        if name not in seen:
            seen[name] = value
            yield name, value
        elif abs(seen[name] - value).max() > 0:
            raise EvaluationError(f"direction {direction!r}: {name} and {tensor} are tied, but would move apart")


def _moved(start: torch.Tensor, deltas: Mapping[str, torch.Tensor], along: Mapping[str, float]) -> torch.Tensor:
    if not along:
        return start
    total: torch.Tensor = start.float() if start.element_size() < 4 else start.clone()
    for name, coefficient in along.items():
        total.add_(deltas[name], alpha=coefficient)
    return total
