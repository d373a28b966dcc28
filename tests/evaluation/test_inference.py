"""Every way to look at a model sees it in evaluation mode, and leaves each module in the mode that it was in."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from taskvec.evaluation.image_classification import ImageClassification
from taskvec.evaluation.inference import inferring
from taskvec.evaluation.language_modelling import Decoding, Question, choose_endings, continuations, perplexity
from taskvec.evaluation.sampling import Sampling

Measuring = Callable[["Model"], object]


class Model(torch.nn.Module):
    """Images to features, tokens to logits, noise to noise; it notes the modes in which it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.drop = torch.nn.Linear(3, 7), torch.nn.Dropout(0.5)
        self.seen: set[tuple[bool, bool, bool]] = set()

    def forward(self, x=None, timestep=None, *, class_labels=None, input_ids=None, **_):
        self.seen.add((self.training, self.drop.training, torch.is_inference_mode_enabled()))
        if input_ids is None:
            return SimpleNamespace(sample=x) if class_labels is not None else self.drop(self.layer(x))
        logits = self.drop(self.layer(torch.nn.functional.one_hot(input_ids % 3, 3).float()))
        return SimpleNamespace(logits=logits, past_key_values=None)


class Words:
    """A tokenizer whose words are numbers."""

    eos_token_id = None

    def __call__(self, text, *, add_special_tokens):
        return {"input_ids": [[int(word) for word in each.split()] for each in text]}

    def decode(self, token_ids, *, skip_special_tokens):
        return " ".join(map(str, token_ids))


class Scheduler:
    """Of diffusers, as far as it is asked."""

    config: dict[str, int] = {}  # noqa: RUF012 (as theirs)
    init_noise_sigma, timesteps = 1.0, (1, 0)

    @classmethod
    def from_config(cls, config):
        return cls()

    def set_timesteps(self, num_steps, device):
        pass

    def scale_model_input(self, x, timestep):
        return x

    def step(self, predicted, timestep, x):
        return SimpleNamespace(prev_sample=predicted)


def predictions(model: Model) -> torch.Tensor:
    return ImageClassification(lambda m, batch: m(batch)).predictions(model, torch.ones(3, 3))


WAYS: dict[str, Measuring] = {
    "pictures": predictions,
    "samples": lambda model: Sampling(Scheduler(), (3,))(model, [0, 1]),
    "perplexity": lambda model: perplexity(model, Words(), ["1 2 3", "4 5"], batch=1),
    "continuations": lambda model: continuations(model, Words(), ["1 2", "3"], Decoding(new_tokens=2, batch=1)),
    "choices": lambda model: choose_endings(model, Words(), [Question("1", ("2", "3"), 0)]),
}


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_modes_are_put_back_module_by_module(way: Measuring, is_training: bool) -> None:
    model = Model().train(is_training)
    model.drop.train(not is_training)
    way(model)
    assert model.seen == {(False, False, True)}
    assert (model.training, model.layer.training, model.drop.training) == (is_training, is_training, not is_training)


def test_modes_are_put_back_after_an_error() -> None:
    model = Model().train()
    with pytest.raises(ValueError, match="no such picture"), inferring(model, "float32"):
        raise ValueError("no such picture")
    assert model.training
    assert not torch.is_inference_mode_enabled()


def test_weights_that_were_looked_at_still_learn() -> None:
    model = Model().train()
    perplexity(model, Words(), ["1 2 3"])
    model(torch.ones(2, 3)).sum().backward()
    assert np.isfinite(float(model.layer.weight.grad.sum()))
