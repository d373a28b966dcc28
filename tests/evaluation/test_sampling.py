"""Samples are what the DDIM formula says in float64, and depend on seed and place alone."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import diffusers
import torch

from taskvec.errors import EvaluationError
from taskvec.evaluation import Validation
from taskvec.evaluation.sampling import Sampling

SHAPE = (2, 3)
LABELS = [0, 2, 1, 2, 0]


class Denoiser(torch.nn.Module):
    """v = weight · x + label / 10: a denoiser whose samples can be computed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(0.3))

    def forward(self, x, timestep, class_labels):
        return SimpleNamespace(sample=self.weight * x + class_labels[:, None, None] / 10)


def scheduler():
    return diffusers.DDIMScheduler(
        num_train_timesteps=100,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
    )


def sampling(**changed) -> Sampling:
    return Sampling(scheduler(), SHAPE, **{"num_steps": 4, "seed": 3, **changed})


def by_hand(drawing: Sampling, labels: list[int]):
    kept = [*scheduler().alphas_cumprod.double()[[99, 74, 49, 24]].tolist(), 1.0]
    found = drawing.noise(0, len(labels)).double()
    shifts = torch.tensor(labels, dtype=torch.float64)[:, None, None] / 10
    for now, then in pairwise(kept):
        velocity = 0.3 * found + shifts
        clean = now**0.5 * found - (1 - now) ** 0.5 * velocity
        noise = now**0.5 * velocity + (1 - now) ** 0.5 * found
        found = then**0.5 * clean + (1 - then) ** 0.5 * noise
    return found


def test_samples_are_what_the_formula_says() -> None:
    drawing = sampling()
    torch.testing.assert_close(drawing(Denoiser(), LABELS).double(), by_hand(drawing, LABELS), atol=1e-5, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_batch_size_decides_nothing(batch_size: int) -> None:
    assert torch.equal(sampling(batch_size=batch_size)(Denoiser(), LABELS), sampling()(Denoiser(), LABELS))


def test_a_seed_is_a_drawing_of_its_own() -> None:
    assert torch.equal(sampling().noise(1, 2), sampling().noise(0, 3)[1:])
    assert not torch.equal(sampling(seed=4).noise(0, 1), sampling().noise(0, 1))
    assert not torch.equal(sampling(seed=4).noise(0, 1), sampling().noise(1, 1))


def test_the_model_and_the_scheduler_stay_as_they_were() -> None:
    model, drawing = Denoiser().train(), sampling()
    before = dict(drawing.scheduler.config)
    drawing(model, LABELS)
    assert model.training
    assert dict(drawing.scheduler.config) == before
    assert drawing.scheduler.num_inference_steps is None


def test_bfloat16_is_near() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3))
    model.forward = lambda x, timestep, class_labels: SimpleNamespace(sample=model[0](x))
    exact, near = (sampling(precision=precision)(model, [0, 0]) for precision in ("float32", "bfloat16"))
    assert not torch.equal(exact, near)
    torch.testing.assert_close(exact, near, atol=0.05, rtol=0)


def test_a_search_sees_validation_labels_alone() -> None:
    asked: list[list[int]] = []

    def judge(samples, labels):
        asked.append(list(labels))
        return {"mean": float(samples.mean())}

    task = sampling().task("mix", judge, validation=[1, 2], test=[0], primary="mean")
    assert Validation.of([task]).score(Denoiser()) == task.validate(Denoiser())["mean"]
    assert asked == [[1, 2], [1, 2]]
    assert task.test(Denoiser())
    assert asked[-1] == [0]


def test_nonsense_is_refused() -> None:
    with pytest.raises(EvaluationError, match="at least one label"):
        sampling()(Denoiser(), [])
    with pytest.raises(EvaluationError, match="label 2 is of validation and of test"):
        sampling().task("mix", lambda samples, labels: {}, validation=[1, 2], test=[2], primary="mean")
