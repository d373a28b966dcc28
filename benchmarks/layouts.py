"""Which tensors a model has: the shapes that the questions ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A model without its weights.

    Attributes:
        name: What its folder is called; two layouts that differ have different names.
        shapes: Every tensor's shape, in order.
        config: What ``config.json`` says.
        num_shards: Files that the weights are spread over.
    """

    name: str
    shapes: Mapping[str, Shape]
    config: Mapping[str, Any] = field(default_factory=dict)
    num_shards: int = 1

    @property
    def num_params(self) -> int:
        """P, the number of weights."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def num_bytes(self) -> int:
        """Bytes of the weights in bfloat16."""
        return 2 * self.num_params


def llama(hidden: int, layers: int, intermediate: int, vocabulary: int) -> Layout:
    """A Llama whose head is not tied to its embeddings."""
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": intermediate,
        "vocab_size": vocabulary,
        "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 64,
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    shapes: dict[str, Shape] = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(layers):
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in _llama_layer(hidden, intermediate).items()}
    shapes |= {"model.norm.weight": (hidden,), "lm_head.weight": (vocabulary, hidden)}
    return Layout(f"llama-{hidden}-{layers}-{intermediate}-{vocabulary}", shapes, config)


def _llama_layer(hidden: int, intermediate: int) -> dict[str, Shape]:
    square = {f"self_attn.{name}_proj.weight": (hidden, hidden) for name in "qkvo"}
    widening = {f"mlp.{name}_proj.weight": (intermediate, hidden) for name in ("gate", "up")}
    norms = {f"{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}
    return {**norms, **square, **widening, "mlp.down_proj.weight": (hidden, intermediate)}


def even(num_tensors: int, params_each: int, num_shards: int = 1) -> Layout:
    """Tensors of one size, in one file or many."""
    shapes = {f"tensors.{number}.weight": (params_each,) for number in range(num_tensors)}
    return Layout(f"even-{num_tensors}-{params_each}-{num_shards}", shapes, num_shards=num_shards)
