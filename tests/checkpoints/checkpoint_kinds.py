"""The table of checkpoints: one row for everything that can be opened or made, small, with all that it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import ml_dtypes
import numpy as np
import tokenizers
import torch
from checkpoint_formats import FORMATS, LACKING

from taskvec.checkpoints import (
    Checkpoint,
    open_checkpoint,
    open_row_quantized,
    random_checkpoint,
    write_row_quantized,
    zeros_like,
)
from taskvec.checkpoints.derived import Moved, Remainder, Same, Sum, derived
from taskvec.checkpoints.factored import LEFT, RIGHT, open_factored
from taskvec.checkpoints.lora import bound
from taskvec.checkpoints.products import Factor, Product, Stored, SumOfProducts
from taskvec.checkpoints.renaming import renamed
from taskvec.checkpoints.stacked import stacked
from taskvec.checkpoints.vocabulary import align_vocabularies
from taskvec.testing.checkpoints import Array, save_folder, save_safetensors
from taskvec.testing.reader_contract import contract_arrays
from taskvec.types import DType, TensorInfo

Make = Callable[[Path], Checkpoint]
"""Given an empty folder, makes files in it and returns a checkpoint of them."""

ROWS, COLUMNS, RANK = 12, 8, 3


def _normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)


def _base_arrays(seed: int = 0) -> dict[str, Array]:
    return {
        "layers.0.q.weight": _normal(ROWS, COLUMNS, seed=seed).astype(ml_dtypes.bfloat16),
        "layers.1.q.weight": _normal(ROWS, COLUMNS, seed=seed + 1),
        "embed.weight": _normal(ROWS, COLUMNS, seed=seed + 2).astype(np.float16),
        "norm.weight": _normal(COLUMNS, seed=seed + 3),
    }


def _base(folder: Path, seed: int = 0) -> Checkpoint:
    return open_checkpoint(save_folder(folder / f"base{seed}", _base_arrays(seed), config={"model_type": "tiny"}))


def _save_adapter(folder: Path) -> Path:
    """Two matrices, an embedding, a norm that is replaced, and a matrix that is both changed and replaced."""
    arrays = {
        "base_model.model.layers.0.q.lora_A.weight": _normal(RANK, COLUMNS, seed=10),
        "base_model.model.layers.0.q.lora_B.weight": _normal(ROWS, RANK, seed=11),
        "base_model.model.layers.1.q.lora_A.weight": _normal(RANK, COLUMNS, seed=12),
        "base_model.model.layers.1.q.lora_B.weight": _normal(ROWS, RANK, seed=13),
        "base_model.model.layers.1.q.base_layer.weight": _normal(ROWS, COLUMNS, seed=14),
        "base_model.model.embed.lora_embedding_A": _normal(RANK, ROWS, seed=15),
        "base_model.model.embed.lora_embedding_B": _normal(COLUMNS, RANK, seed=16),
        "base_model.model.norm.weight": _normal(COLUMNS, seed=17),
    }
    folder.mkdir()
    save_safetensors(folder / "adapter_model.safetensors", arrays)
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 2 * RANK, "target_modules": ["q"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def _adapter(folder: Path) -> Checkpoint:
    return open_checkpoint(_save_adapter(folder / "adapter"))


def _adapted(folder: Path) -> Checkpoint:
    return open_checkpoint(f"{_base(folder).ref}+{_save_adapter(folder / 'adapter')}")


def _bound(folder: Path) -> Checkpoint:
    return bound(_adapter(folder), _base(folder))


def _lone_adapter(folder: Path) -> Checkpoint:
    arrays = {
        "lora_unet_mid.lora_down.weight": _normal(RANK, COLUMNS),
        "lora_unet_mid.lora_up.weight": _normal(ROWS, RANK),
        "lora_unet_mid.alpha": np.array(2.0, np.float32),
    }
    return open_checkpoint(save_safetensors(folder / "style.safetensors", arrays))


def _of_format(name: str, folder: Path) -> Checkpoint:
    return open_checkpoint(FORMATS[name](folder, contract_arrays(LACKING.get(name, frozenset()))))


def _scattered(folder: Path) -> Checkpoint:
    state = {"plain": torch.ones(2, 3), "turned": torch.arange(6.0).reshape(2, 3).t()}
    torch.save({**state, "again": state["turned"]}, folder / "model.bin")
    return open_checkpoint(folder / "model.bin")


def _tied(folder: Path) -> Checkpoint:
    arrays = {"model.embed_tokens.weight": _normal(ROWS, COLUMNS), "norm": _normal(COLUMNS)}
    return open_checkpoint(save_folder(folder / "tied", arrays, config={"tie_word_embeddings": True}))


def _pipeline(folder: Path) -> Checkpoint:
    (folder / "unet").mkdir()
    save_safetensors(folder / "unet" / "diffusion_pytorch_model.safetensors", {"mid.weight": _normal(ROWS, COLUMNS)})
    save_folder(folder / "text_encoder", {"embed.weight": _normal(ROWS, COLUMNS)}, shard_size=100, config={})
    index = {"unet": ["diffusers", "UNet"], "text_encoder": ["transformers", "CLIP"], "scheduler": [None, None]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return open_checkpoint(folder)


def _products(folder: Path) -> Checkpoint:
    arrays = {"left": _normal(ROWS, RANK), "right": _normal(RANK, COLUMNS), "turned": _normal(RANK, ROWS)}
    stored = open_checkpoint(save_safetensors(folder / "factors.safetensors", arrays))
    plain = Product.of_stored(stored, "left", "right")
    turned = Product(Factor(Stored(stored, "turned"), is_transposed=True), Factor(Stored(stored, "right")), -0.5)
    sources = {TensorInfo("product", DType.F32, (ROWS, COLUMNS)): SumOfProducts((plain, turned))}
    return derived("products", sources, [stored])


def _remainder(folder: Path) -> Checkpoint:
    stored, products = _base(folder), _products(folder)
    whole, base = Stored(stored, "layers.0.q.weight"), Stored(stored, "embed.weight")
    sources = {TensorInfo("rest", DType.F32, (ROWS, COLUMNS)): Remainder(whole, (base, Stored(products, "product")))}
    return derived("remainder", sources, [stored, products])


def _every_formula(folder: Path) -> Checkpoint:
    stored, rest = _base(folder, seed=9), _remainder(folder)
    deltas = (rest.source("rest"), Same(stored, "layers.1.q.weight"))
    sources = {
        TensorInfo("same", DType.F16, (ROWS, COLUMNS)): Same(stored, "embed.weight"),
        TensorInfo("sum", DType.F32, (ROWS, COLUMNS)): Sum(deltas),
        TensorInfo("moved", DType.BF16, (ROWS, COLUMNS)): Moved(Stored(stored, "layers.0.q.weight"), deltas),
    }
    return derived("formulas", sources, [stored, rest])


def _factored(folder: Path) -> Checkpoint:
    base = _base(folder)
    arrays = {
        f"{LEFT}layers.1.q.weight": _normal(ROWS, RANK).astype(ml_dtypes.bfloat16),
        f"{RIGHT}layers.1.q.weight": _normal(RANK, COLUMNS).astype(ml_dtypes.bfloat16),
    }
    return open_factored(open_checkpoint(save_safetensors(folder / "atom.safetensors", arrays)), base.tensors)


def _row_quantized(folder: Path) -> Checkpoint:
    with open_checkpoint(save_safetensors(folder / "exact.safetensors", {"w": _normal(ROWS, COLUMNS)})) as exact:
        write_row_quantized(exact, folder, "rows.safetensors")
    return open_row_quantized(folder / "rows.safetensors")


def _stacked(folder: Path) -> Checkpoint:
    first, second = _base(folder), _base(folder, seed=5)

    def later(name: str) -> str | None:
        return name.replace("layers.0.", "layers.2.") if name.startswith("layers.0.") else None

    return stacked("first + second", [(first, lambda name: name), (second, later)])


def _renamed(folder: Path) -> Checkpoint:
    return renamed(_base(folder), ["layers.*.q.weight=blocks.*.query.weight"])


def _vocabularies(model: str, folder: Path) -> Checkpoint:
    opened = {}
    for name, tokens in {"base": ["a", "b", "c"], "one": ["c", "a", "d"], "two": ["d", "a"]}.items():
        arrays = {"embed_tokens.weight": _normal(len(tokens), COLUMNS, seed=len(opened)).astype(ml_dtypes.bfloat16)}
        save_folder(folder / name, {**arrays, "norm": _normal(COLUMNS)}, config={"vocab_size": len(tokens)})
        words = tokenizers.models.WordLevel({token: row for row, token in enumerate(tokens)}, unk_token="a")  # noqa: S106
        tokenizers.Tokenizer(words).save(str(folder / name / "tokenizer.json"))
        opened[name] = open_checkpoint(folder / name)
    aligned = align_vocabularies(opened.pop("base"), opened, "union")
    return {"base": aligned.base, **aligned.models}[model]


INFOS = [TensorInfo("w", DType.F32, (ROWS, COLUMNS)), TensorInfo("n", DType.F32, (COLUMNS,))]

KINDS: Mapping[str, Make] = {
    **{name: partial(_of_format, name) for name in FORMATS},
    "bin with a transpose": _scattered,
    "folder with a tied head": _tied,
    "pipeline": _pipeline,
    "adapter": _adapter,
    "adapter in one file": _lone_adapter,
    "adapter on its base": _bound,
    "model with an adapter": _adapted,
    "products": _products,
    "remainder": _remainder,
    "every formula": _every_formula,
    "factored": _factored,
    "row quantized": _row_quantized,
    "zeros": lambda _: zeros_like(INFOS),
    "random": lambda _: random_checkpoint(INFOS, 7, 0),
    "stacked": _stacked,
    "renamed": _renamed,
    "base with more tokens": partial(_vocabularies, "base"),
    "model with other tokens": partial(_vocabularies, "one"),
}
