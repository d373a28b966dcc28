"""Tiny modules and tasks whose metrics are known by hand."""

from __future__ import annotations

import torch

from taskvec.evaluation import SimpleTask


class Point(torch.nn.Module):
    """A model that is nothing but weights, of two dtypes, with a tied pair and a counter."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = torch.nn.Parameter(torch.randn(4, 3, generator=generator))
        self.small = torch.nn.Parameter(torch.randn(5, generator=generator).bfloat16())
        self.tied = self.first
        self.register_buffer("steps", torch.tensor(3))


def near(name: str, place: float, *, loss: bool = False) -> SimpleTask:
    """A task whose metric is best where the mean of `first` is at `place`; its test metric is told apart by 100."""

    def distance(model: torch.nn.Module) -> float:
        return (model.get_parameter("first").double().mean() - place).abs().item()

    def validate(model: torch.nn.Module) -> dict[str, float]:
        return {"loss": distance(model)} if loss else {"accuracy": 1 / (1 + distance(model))}

    def test(model: torch.nn.Module) -> dict[str, float]:
        return {metric: value + 100 for metric, value in validate(model).items()}

    return SimpleTask(name, validate, test, "loss" if loss else "accuracy", not loss)
