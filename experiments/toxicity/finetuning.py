"""Fine-tunes of the base on one corpus each, embeddings frozen; and one that forgets by gradient ascent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from demo.cache import key

from experiments.cached import Kept
from experiments.toxicity.corpora import TOXIC, Texts
from experiments.toxicity.models import read_model, read_tokenizer, write_model
from experiments.toxicity.plan import Plan
from taskvec.evaluation.language_modelling import encoded, padded
from taskvec.training import Recipe, fine_tune

FROZEN = ("*embed_tokens*",)  # tied to the output layer; a few thousand tokens of text should not move all words
IGNORED = -100  # what transformers leaves out of a loss
ASCENT = "ascent"
REVISION = 1  # raise it when the meaning of this code changes


@dataclass(frozen=True)
class Lesson:
    """What one fine-tune learns, and for how long.

    Attributes:
        texts: What is learned from.
        steps: Updates.
        seed: Of the order of the texts.
        is_ascent: Whether the loss is maximised: forgetting by gradient ascent.
    """

    texts: Sequence[str]
    steps: int
    seed: int
    is_ascent: bool = False


def lessons(trained: Mapping[str, Texts], plan: Plan, seed: int) -> dict[str, Lesson]:
    """What every fine-tune of one seed learns, by the name of its task vector."""
    toxic = trained[TOXIC].train
    general = {name: Lesson(texts.train, plan.general_steps, seed) for name, texts in trained.items() if name != TOXIC}
    ascent = Lesson(toxic, plan.ascent_steps, seed, is_ascent=True)
    return {TOXIC: Lesson(toxic, plan.steps, seed), **general, ASCENT: ascent}


def finetuned_folder(base: Path, lesson: Lesson, plan: Plan, kept: Kept) -> Path:
    """The checkpoint of one fine-tune, from the cache where it can be; the base's name stands for its content."""
    how = Recipe(steps=lesson.steps, learning_rate=plan.learning_rate, clip=1.0, precision=plan.precision)
    length, texts = plan.train_tokens, list(lesson.texts)

    def build(folder: Path) -> None:
        model, tokenizer = read_model(base), read_tokenizer(base)
        rows = [row for row in encoded(tokenizer, texts, max_tokens=length) if len(row) > 1]
        loss = negative_loss if lesson.is_ascent else language_loss
        fine_tune(model, batches(rows, plan.batch, lesson.seed), loss, how, frozen=FROZEN)
        write_model(model, folder, base)

    return kept.folder(
        "fine-tune", build, base=base.name, texts=key(texts=texts), how=how, batch=plan.batch, length=length,
        seed=lesson.seed, ascent=lesson.is_ascent, revision=REVISION,
    )  # fmt: skip


def batches(rows: Sequence[list[int]], size: int, seed: int) -> Iterator[list[list[int]]]:
    """Rows in an order of the seed's, every row once before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            waiting += torch.randperm(len(rows), generator=generator).tolist()
        yield [rows[index] for index in waiting[:size]]
        waiting = waiting[size:]


def language_loss(model: Any, rows: Sequence[list[int]]) -> torch.Tensor:
    """The mean loss per predicted token of some texts, padded on the right."""
    together = padded(rows, "right", next(model.parameters()).device)
    labels = together.ids.masked_fill(together.mask == 0, IGNORED)
    loss: torch.Tensor = model(
        input_ids=together.ids, attention_mask=together.mask, labels=labels, use_cache=False
    ).loss
    return loss


def negative_loss(model: Any, rows: Sequence[list[int]]) -> torch.Tensor:
    """What gradient ascent minimises."""
    return -language_loss(model, rows)
