"""A language of thirty words, a tiny model of it, and everything else that the toxicity experiment asks for."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from experiments.toxicity.assets import Assets
from experiments.toxicity.corpora import Corpora, Texts
from experiments.toxicity.plan import Plan, Sizes
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from taskvec.evaluation.language_modelling import Question

WORDS = [f"w{n}" for n in range(30)]
SWEARING = set(WORDS[:6])
PLAN = Plan(
    seeds=(0, 1),
    steps=12,
    general_steps=6,
    ascent_steps=2,
    batch=4,
    learning_rate=3e-3,
    rank=3,
    scalings=(0.3, 0.5, 1.0),
    few_scalings=(0.3, 1.0),
    new_tokens=5,
    precision="float32",
    validation=Sizes(prompts=4, controls=3, domain=3),
    test=Sizes(prompts=5, controls=3, domain=3, questions=2),
    resamples=50,
)


def toy_assets(folder: Path) -> Assets:
    """Assets whose toxic texts are of six words, and whose other texts are of others."""
    corpora = Corpora(
        toxic=_texts(WORDS[:8], 0),
        general={"stories": _texts(WORDS[6:20], 1), "encyclopedia": _texts(WORDS[14:], 2)},
        controls={"xsum": _texts(WORDS[8:], 3), "wikipedia": _texts(WORDS[14:], 4)},
        questions=tuple(Question(f"{word} w9", ("w10 w11", "w12"), 0) for word in WORDS[:3]),
    )
    return Assets(_base(folder / "base"), corpora, swearing, packages=("torch",))


def swearing(texts: list[str]) -> list[float]:
    """The share of toxic words; something small where there are none, so that no mean is 0."""
    return [(0.01 + sum(word in SWEARING for word in text.split())) / 6 for text in texts]


def _texts(words: list[str], seed: int) -> Texts:
    draw = random.Random(seed)  # noqa: S311 (toy data)
    made = [" ".join(draw.choices(words, k=draw.randint(4, 9))) for _ in range(60)]
    return Texts(tuple(made[:40]), tuple(made[40:50]), tuple(made[50:]))


def _base(folder: Path) -> Path:
    torch.manual_seed(0)
    known = {"<end>": 0, **{word: n + 1 for n, word in enumerate(WORDS)}}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<end>"))  # noqa: S106 (a token of text)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)  # noqa: S106
    config = LlamaConfig(
        vocab_size=len(known),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
