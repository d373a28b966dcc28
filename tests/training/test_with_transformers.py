"""What the page about fine-tuning says of transformers: its models in our loop, its Trainer beside it, ways in both."""

from __future__ import annotations

from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch
import transformers

from taskvec import Store
from taskvec.evaluation import read_direction
from taskvec.training import Parametrization, Recipe, fine_tune

HOW = Recipe(steps=6, learning_rate=1e-2)
KEPT = "model.layers.0.mlp.up_proj.weight"


class Masked(Parametrization):
    """One matrix does not learn; how often each hook was called."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def after_backward(self, model) -> None:
        self.calls["after_backward"] = self.calls.get("after_backward", 0) + 1
        model.get_parameter(KEPT).grad = None

    def after_step(self, model) -> None:
        self.calls["after_step"] = self.calls.get("after_step", 0) + 1


class Way(transformers.TrainerCallback):
    """The bridge of the page."""

    def __init__(self, way: Parametrization) -> None:
        self.way = way

    def on_pre_optimizer_step(self, args, state, control, model, **_):
        self.way.after_backward(model)

    def on_step_end(self, args, state, control, model, **_):
        self.way.after_step(model)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=20, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, tie_word_embeddings=True,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def model_of(folder: Path):
    return transformers.LlamaForCausalLM.from_pretrained(folder)


def data():
    rows = torch.randint(0, 20, (16, 8), generator=torch.Generator().manual_seed(1))
    return [{"input_ids": row, "labels": row} for row in rows]


def batches():
    loader = torch.utils.data.DataLoader(data(), 4, shuffle=True, generator=torch.Generator().manual_seed(0))
    return chain.from_iterable(repeat(loader))


def loss(model, batch):
    return model(**batch).loss


def train(base: Path, out: Path, way: Parametrization) -> None:
    """By transformers' own trainer."""
    args = transformers.TrainingArguments(
        output_dir=str(out.parent / "runs"), max_steps=6, per_device_train_batch_size=4, learning_rate=1e-2,
        report_to=[], use_cpu=True, save_strategy="no", dataloader_pin_memory=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(
        model=model_of(base),
        args=args,
        train_dataset=data(),
        data_collator=transformers.default_data_collator,
        callbacks=[Way(way)],
    )
    trainer.train()
    trainer.save_model(str(out))


def test_a_loader_that_is_repeated_is_gone_on_with_bit_for_bit(base: Path, tmp_path: Path) -> None:
    def stop(step: int, _: float) -> None:
        if step == 5:
            raise KeyboardInterrupt

    whole, cut, resumed = (model_of(base) for _ in range(3))
    fine_tune(whole, batches(), loss, HOW)
    place = {"checkpoint": tmp_path / "c.safetensors", "checkpoint_every": 2}
    with pytest.raises(KeyboardInterrupt):
        fine_tune(cut, batches(), loss, HOW, listener=stop, **place)
    fine_tune(resumed, batches(), loss, HOW, **place)
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


def test_both_trainers_leave_folders_that_a_store_takes_and_ways_work_in_both(base: Path, tmp_path: Path) -> None:
    ours, theirs = Masked(), Masked()
    model = model_of(base)
    fine_tune(model, batches(), loss, HOW, parametrization=ours, frozen=["*embed_tokens*"])
    model.save_pretrained(tmp_path / "ours")
    train(base, tmp_path / "theirs", theirs)
    assert ours.calls == theirs.calls == {"after_backward": 6, "after_step": 6}
    store = Store.init(tmp_path / "store", base=base)
    store.add({"ours": tmp_path / "ours", "theirs": tmp_path / "theirs"})
    for name in ("ours", "theirs"):
        direction = read_direction(store, name)
        assert not np.any(direction[KEPT])
        assert np.any(direction["model.layers.0.mlp.down_proj.weight"])
        assert np.any(direction["model.embed_tokens.weight"]) == (name == "theirs")
