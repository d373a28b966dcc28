"""What a killed run needs to go on, in one safetensors file: weights, optimizer, random numbers, number of steps."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskvec.errors import TrainingError
from taskvec.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

_KEY = "taskvec.training"
_RANDOM = "random"


@dataclass(frozen=True)
class Progress:
    """A run under way.

    Attributes:
        model: The model.
        learning: Name → weight that learns.
        optimizer: Its optimizer, over the learning weights in that order.
        schedule: The schedule of its learning rate.
        how: Its recipe.
    """

    model: Module
    learning: Mapping[str, torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    how: Recipe

    def identity(self) -> dict[str, Any]:
        """Return what must be the same for a run to be gone on with."""
        return {"recipe": json.loads(json.dumps(asdict(self.how))), "learning": sorted(self.learning)}


def save(progress: Progress, path: Path, step: int) -> None:
    """Write a checkpoint, replacing the one before at once or not at all.

    Args:
        progress: The run.
        path: The file.
        step: Steps done.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {f"model.{name}": value.clone() for name, value in progress.model.state_dict().items()}
    state = progress.optimizer.state_dict()["state"]
    for index, name in enumerate(progress.learning):
        tensors |= {f"optimizer.{key}.{name}": value.clone() for key, value in state.get(index, {}).items()}
    tensors[_RANDOM] = torch.get_rng_state()
    known = {"step": step, **progress.identity()}
    unfinished = path.with_name(f".{path.name}.unfinished")
    save_file({name: value.contiguous() for name, value in tensors.items()}, unfinished, {_KEY: json.dumps(known)})
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)


def resume(progress: Progress, path: Path) -> int:
    """Put a run back to where its checkpoint was written.

    Args:
        progress: The run, at its start.
        path: The file.

    Returns:
        Steps done.

    Raises:
        TrainingError: If the file is of another run, or cannot be read.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            known = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read: {error}; delete it to start anew") from error
    _check_same_run(progress, known, path)
    progress.model.load_state_dict(_under("model.", tensors))
    state = progress.optimizer.state_dict()
    for index, name in enumerate(progress.learning):
        state["state"][index] = {
            key.removeprefix("optimizer.").removesuffix(f".{name}"): value
            for key, value in tensors.items()
            if key.startswith("optimizer.") and key.endswith(f".{name}") and key.count(".") == name.count(".") + 2
        }
    progress.optimizer.load_state_dict(state)
    done: int = known["step"]
    _advance(progress.schedule, done)
    torch.set_rng_state(tensors[_RANDOM])
    return done


def _check_same_run(progress: Progress, known: Mapping[str, Any], path: Path) -> None:
    """Refuse what was written by a run with other settings.

    Raises:
        TrainingError: If anything differs.
    """
    for field, wanted in progress.identity().items():
        if known.get(field) != wanted:
            raise TrainingError(f"{path}: is of a run with another {field}: delete it, or train as it was begun")


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _advance(schedule: torch.optim.lr_scheduler.LRScheduler, done: int) -> None:
    state = schedule.state_dict()
    schedule.load_state_dict({**state, "last_epoch": done, "_step_count": done + 1})
    for group, rate in zip(schedule.optimizer.param_groups, _rates(schedule, done), strict=True):
        group["lr"] = rate


def _rates(schedule: torch.optim.lr_scheduler.LRScheduler, done: int) -> list[float]:
    found: list[float] = [
        base * factor(done)
        for base, factor in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)  # type: ignore[attr-defined]
    ]
    return found
