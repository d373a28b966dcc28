"""Tiny random models, each made by its library, and adapters on them made by PEFT."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import peft
    import transformers

Save = Callable[..., Path]


def llama() -> transformers.PreTrainedModel:
    config = transformers.LlamaConfig(
        vocab_size=48, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


def gpt2() -> transformers.PreTrainedModel:
    config = transformers.GPT2Config(vocab_size=48, n_positions=16, n_embd=32, n_layer=2, n_head=4)
    return transformers.GPT2LMHeadModel(config)


class Convolutions(torch.nn.Module):
    """Convolutions and a layer, for what no language model has."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3)
        self.second = torch.nn.Conv2d(8, 6, 1)
        self.last = torch.nn.Linear(6, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.second(torch.relu(self.first(images)))).mean((2, 3)))


def save_on(model: torch.nn.Module, folder: Path, seed: int = 0, **config: object) -> Path:
    adapted = peft.get_peft_model(model, peft.LoraConfig(**config))
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter)) if "lora" not in name else parameter.normal_(0, 0.1)
    adapted.save_pretrained(folder)
    return folder
