"""One short loop of fine-tuning that a killed process can go on with."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskvec.errors import MissingExtraError, TrainingError
from taskvec.training.checkpointing import Progress, resume, save
from taskvec.training.parametrization import Parametrization
from taskvec.training.precision import computing_in
from taskvec.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

Loss = Callable[["Module", Any], "torch.Tensor"]
"""From model and batch to the scalar that is minimised."""

Listener = Callable[[int, float], None]
"""Called after every step with the number of steps done and the loss."""


def fine_tune(
    model: Module,
    batches: Iterable[Any],
    loss: Loss,
    how: Recipe,
    *,
    checkpoint: Path | None = None,
    checkpoint_every: int = 50,
    frozen: Collection[str] = (),
    parametrization: Parametrization | None = None,
    listener: Listener | None = None,
) -> None:
    """Minimise a loss by AdamW, changing the model in place.

    With a checkpoint, a run that was killed goes on where it last wrote one and ends with the same bits as an
    undisturbed run: the batches of finished steps are drawn again and passed over, and weights, optimizer and random
    numbers are put back. For that ``batches`` must give the same each time, and its own randomness must come from its
    own generator. The file is left when all is done, so that a finished run that is asked for again trains nothing;
    delete it once the model is saved. Memory: the model, its gradients, and two numbers for each weight that learns.

    Args:
        model: The model; it is left in evaluation mode.
        batches: At least as many as there are steps.
        loss: From model and batch to the loss; it may compute in other numbers, see ``Recipe.precision``.
        how: Steps, rates, clipping, precision.
        checkpoint: A ``.safetensors`` file to write to and go on from; none if not given.
        checkpoint_every: Steps between writes.
        frozen: Patterns such as ``head.*`` of weights that do not learn.
        parametrization: What differs from plain fine-tuning.
        listener: Told of every step.

    Raises:
        MissingExtraError: If torch is not installed.
        TrainingError: If no weight learns, the batches end too early, the loss is not finite, or the checkpoint is of
            another run.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "torch", "fine-tuning") from error
    way = parametrization or Parametrization()
    way.attach(model)
    learning = _learning(model, frozen)
    optimizer = torch.optim.AdamW(
        learning.values(), lr=how.learning_rate, betas=how.betas, weight_decay=how.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, how.rate)
    progress = Progress(model, learning, optimizer, schedule, how)
    done = resume(progress, checkpoint) if checkpoint is not None and checkpoint.exists() else 0
    model.train()
    with _only_learning(model, learning):
        for step, batch in enumerate(_from(batches, done, how.steps), done + 1):
            value = _update(model, batch, loss, how, way, optimizer)
            schedule.step()
            way.after_step(model)
            if listener is not None:
                listener(step, value)
            if checkpoint is not None and (step % checkpoint_every == 0 or step == how.steps):
                save(progress, checkpoint, step)
    way.detach(model)
    model.eval()


def _update(
    model: Module, batch: Any, loss: Loss, how: Recipe, way: Parametrization, optimizer: torch.optim.Optimizer
) -> float:
    import torch

    with computing_in(how.precision, model):
        found = loss(model, batch)
        penalty = way.penalty(model)
    total = found if penalty is None else found + penalty
    if not torch.isfinite(total):
        raise TrainingError(f"the loss is {total.item()}: lower the learning rate, or clip gradients")
    total.backward()  # type: ignore[no-untyped-call]
    way.after_backward(model)
    if how.clip is not None:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, how.clip)
    optimizer.step()
    optimizer.zero_grad()
    return float(total.detach())


def _learning(model: Module, frozen: Collection[str]) -> dict[str, torch.nn.Parameter]:
    named = dict(model.named_parameters())
    for pattern in frozen:
        if not fnmatch.filter(named, pattern):
            example = next(iter(named), "")
            raise TrainingError(f"frozen pattern {pattern!r} matches no weight; names look like {example!r}")
    learning = {
        name: weight
        for name, weight in named.items()
        if weight.requires_grad and not any(fnmatch.fnmatchcase(name, pattern) for pattern in frozen)
    }
    if not learning:
        raise TrainingError("no weight learns: all are frozen")
    return learning


class _only_learning:  # noqa: N801
    """Let gradients reach the learning weights alone, and put all flags back afterwards."""

    def __init__(self, model: Module, learning: Collection[str]) -> None:
        self._others = [
            weight for name, weight in model.named_parameters() if weight.requires_grad and name not in learning
        ]

    def __enter__(self) -> None:
        for weight in self._others:
            weight.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for weight in self._others:
            weight.requires_grad_(True)


def _from(batches: Iterable[Any], done: int, steps: int) -> Iterator[Any]:
    given = done
    for batch in islice(batches, done, steps):
        given += 1
        yield batch
    if given < steps:
        raise TrainingError(f"the batches ended after {given} of {steps} steps: give more, or lower the steps")
