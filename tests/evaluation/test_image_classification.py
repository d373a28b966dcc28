"""Accuracy under a fixed head, or under a model's own, is the dense one whatever the batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from taskvec.errors import EvaluationError
from taskvec.evaluation.image_classification import ImageClassification, own_logits

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, size=(37, 3, 4, 4), dtype=np.uint8)
WEIGHT, BIAS = RNG.normal(size=(5, 6)).astype(np.float32), RNG.normal(size=5).astype(np.float32)


class Backbone(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(48, 6)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.drop(self.layer(images.flatten(1)))


def prepare(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images) / 255


def dense_predictions(model: Backbone) -> np.ndarray:
    inputs = IMAGES.reshape(37, 48) / 255.0
    weight, bias = (part.detach().double().numpy() for part in (model.layer.weight, model.layer.bias))
    found: np.ndarray = ((inputs @ weight.T + bias) @ WEIGHT.T.astype(float) + BIAS).argmax(axis=1)
    return found


def way(**options: object) -> ImageClassification:
    head = torch.from_numpy(WEIGHT), torch.from_numpy(BIAS)
    return ImageClassification(lambda model, batch: model(batch), head, prepare, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch_size", [1, 8, 37, 100])
def test_predictions_are_dense_ones_and_the_mode_is_put_back(batch_size: int) -> None:
    model = Backbone().train()
    found = way(batch_size=batch_size).predictions(model, IMAGES)
    assert (found.numpy() == dense_predictions(model)).all()
    assert model.training


def test_accuracy_counts_hits() -> None:
    model = Backbone()
    labels = dense_predictions(model)
    labels[:10] = (labels[:10] + 1) % 5
    task = way().task("toy", (IMAGES, labels), (IMAGES[:10], labels[:10]))
    assert task.validate(model)["accuracy"] == pytest.approx(27 / 37)
    assert task.test(model) == {"accuracy": 0.0}


def test_bfloat16_is_close_and_the_head_stays_exact() -> None:
    model = Backbone()
    exact, close = (way(precision=precision).predictions(model, IMAGES) for precision in ("float32", "bfloat16"))
    assert (exact == close).double().mean() > 0.9


def test_labels_that_do_not_belong_to_the_images_are_refused() -> None:
    with pytest.raises(EvaluationError, match="found 37 and 3"):
        way().accuracy_on(IMAGES, np.zeros(3))
    with pytest.raises(EvaluationError, match="found 0 and 0"):
        way().accuracy_on(IMAGES[:0], np.zeros(0))


def test_a_transformers_classifier_is_measured_with_its_own_head() -> None:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=4,
        patch_size=2,
        num_labels=3,
    )
    model = ViTForImageClassification(config)
    own = ImageClassification(own_logits, prepare=prepare).predictions(model, IMAGES)
    with torch.inference_mode():
        wanted = model.eval()(prepare(IMAGES)).logits.argmax(dim=1)
    assert torch.equal(own, wanted)
