"""The loop learns, leaves what is frozen alone, and goes on after a kill with the same bits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from taskvec.errors import TrainingError
from taskvec.training import Parametrization, Recipe, fine_tune

HOW = Recipe(steps=12, learning_rate=1e-2)


class KilledError(Exception):
    """What a test raises in the middle of a run."""


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 3))


def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    while True:
        inputs = torch.randn(16, 6, generator=generator)
        yield inputs, (inputs[:, :3].argmax(dim=1))


def loss(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1])


def bits(model: torch.nn.Module) -> dict[str, bytes]:
    return {name: bytes(value.numpy().tobytes()) for name, value in model.state_dict().items()}


def test_it_learns_and_ends_in_evaluation_mode() -> None:
    model, losses = network(), []
    fine_tune(model, batches(), loss, Recipe(80, 3e-2), listener=lambda _, value: losses.append(value))
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    assert not model.training


def test_it_is_the_plain_loop_of_adamw() -> None:
    """The oracle: the same updates written down once more, without schedule, clipping or checkpoints of ours."""
    model, other = network(), network()
    torch.manual_seed(5)
    fine_tune(model, batches(), loss, HOW)
    torch.manual_seed(5)
    optimizer = torch.optim.AdamW(other.parameters(), lr=1.0, weight_decay=0.0)
    other.train()
    for step, batch in zip(range(12), batches(), strict=False):
        rise = min(1.0, (step + 1) / 1.2)
        optimizer.param_groups[0]["lr"] = 1e-2 * (rise * (1 + math.cos(math.pi * step / 12)) / 2)
        optimizer.zero_grad()
        loss(other, batch).backward()
        optimizer.step()
    assert bits(model) == bits(other)


@pytest.mark.parametrize("killed_after", [1, 4, 7, 12])
def test_a_killed_run_ends_with_the_bits_of_an_undisturbed_one(tmp_path: Path, killed_after: int) -> None:
    undisturbed = network()
    torch.manual_seed(5)
    fine_tune(undisturbed, batches(), loss, HOW)

    def kill(step: int, _: float) -> None:
        if step == killed_after:
            raise KilledError

    killed = network()
    torch.manual_seed(5)
    with pytest.raises(KilledError):
        fine_tune(
            killed, batches(), loss, HOW, checkpoint=tmp_path / "c.safetensors", checkpoint_every=3, listener=kill
        )
    resumed = network()
    torch.manual_seed(5 if killed_after < 3 else 99)  # where there is a checkpoint, it knows the random numbers
    fine_tune(resumed, batches(), loss, HOW, checkpoint=tmp_path / "c.safetensors", checkpoint_every=3)
    assert bits(resumed) == bits(undisturbed)


def test_a_finished_run_trains_nothing_when_asked_again(tmp_path: Path) -> None:
    model, steps = network(), []
    fine_tune(model, batches(), loss, HOW, checkpoint=tmp_path / "c.safetensors")
    again = network()
    fine_tune(again, batches(), loss, HOW, checkpoint=tmp_path / "c.safetensors", listener=lambda s, _: steps.append(s))
    assert steps == []
    assert bits(again) == bits(model)
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    fine_tune(network(), batches(), loss, HOW, checkpoint=file)
    with pytest.raises(TrainingError, match="another recipe"):
        fine_tune(network(), batches(), loss, Recipe(13, 1e-2), checkpoint=file)
    with pytest.raises(TrainingError, match="another learning"):
        fine_tune(network(), batches(), loss, HOW, checkpoint=file, frozen=["2.*"])
    save_file({"x": torch.zeros(1)}, file)
    with pytest.raises(TrainingError, match="another recipe"):
        fine_tune(network(), batches(), loss, HOW, checkpoint=file)
    file.write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match="delete it"):
        fine_tune(network(), batches(), loss, HOW, checkpoint=file)


def test_a_checkpoint_holds_tensors_alone(tmp_path: Path) -> None:
    fine_tune(network(), batches(), loss, HOW, checkpoint=tmp_path / "c.safetensors")
    names = load_file(tmp_path / "c.safetensors")
    assert {name.partition(".")[0] for name in names} == {"model", "optimizer", "random"}


def test_frozen_weights_keep_their_bits_and_their_flags() -> None:
    model = network()
    before = bits(model)
    fine_tune(model, batches(), loss, HOW, frozen=["2.*"])
    after = bits(model)
    assert all((after[name] == before[name]) == name.startswith("2.") for name in before)
    assert all(weight.requires_grad for weight in model.parameters())


def test_clipping_bounds_an_update_and_decay_shrinks() -> None:
    def shouting(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return 1e6 * loss(model, batch)

    seen: list[float] = []

    class Watching(Parametrization):
        def after_step(self, model: torch.nn.Module) -> None:
            seen.append(float(sum(w.grad.square().sum() for w in model.parameters() if w.grad is not None)))

        def after_backward(self, model: torch.nn.Module) -> None:
            self.model = model

    how = Recipe(2, 1e-3, clip=0.5)
    norms: list[float] = []
    original = torch.nn.utils.clip_grad_norm_

    def spy(weights: list[torch.Tensor], most: float) -> torch.Tensor:
        found = original(weights, most)
        norms.append(float(torch.stack([w.grad.norm() for w in weights if w.grad is not None]).norm()))
        return found

    torch.nn.utils.clip_grad_norm_ = spy  # type: ignore[assignment]
    try:
        fine_tune(network(), batches(), shouting, how, parametrization=Watching())
    finally:
        torch.nn.utils.clip_grad_norm_ = original
    assert len(norms) == 2
    assert max(norms) <= 0.5001


def test_a_parametrization_masks_and_adds_a_penalty() -> None:
    class FirstLayer(Parametrization):
        calls: list[str]

        def __init__(self) -> None:
            self.calls = []

        def attach(self, model: torch.nn.Module) -> None:
            self.calls.append("attach")

        def penalty(self, model: torch.nn.Module) -> torch.Tensor:
            return 0.1 * sum(weight.square().sum() for weight in model.parameters())

        def after_backward(self, model: torch.nn.Module) -> None:
            for name, weight in model.named_parameters():
                if not name.startswith("0."):
                    weight.grad = None

        def detach(self, model: torch.nn.Module) -> None:
            self.calls.append("detach")

    model, plain, way = network(), network(), FirstLayer()
    before = bits(model)
    fine_tune(model, batches(), loss, HOW, parametrization=way)
    fine_tune(plain, batches(), loss, HOW)
    after = bits(model)
    assert {name for name in before if after[name] != before[name]} == {"0.weight", "0.bias"}
    assert after["0.weight"] != bits(plain)["0.weight"]
    assert way.calls == ["attach", "detach"]


def test_bfloat16_computes_otherwise_and_keeps_float32_weights() -> None:
    model, other = network(), network()
    torch.manual_seed(5)
    fine_tune(model, batches(), loss, Recipe(12, 1e-2, precision="bfloat16"))
    torch.manual_seed(5)
    fine_tune(other, batches(), loss, HOW)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert bits(model) != bits(other)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(TrainingError, match="all are frozen"):
        fine_tune(network(), batches(), loss, HOW, frozen=["*"])
    with pytest.raises(TrainingError, match=r"'head\.\*' matches no weight"):
        fine_tune(network(), batches(), loss, HOW, frozen=["head.*"])
    with pytest.raises(TrainingError, match="ended after 1 of 12"):
        fine_tune(network(), [next(batches())], loss, HOW)
    with pytest.raises(TrainingError, match="loss is nan"):
        fine_tune(network(), batches(), lambda m, b: loss(m, b) * math.nan, HOW)
    with pytest.raises(TrainingError, match="at least one step"):
        Recipe(0, 1e-3)
