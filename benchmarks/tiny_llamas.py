"""Llamas of four tiny layers, the same on every machine, for recipes that mergekit has carried out too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

LAYERS, HIDDEN, INNER, VOCABULARY = 4, 4, 6, 8
NAMES = ("base", "math", "code", "law")
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_hidden_layers": LAYERS,
    "vocab_size": VOCABULARY,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
}

Arrays = dict[str, np.ndarray]


def llamas() -> dict[str, Arrays]:
    """A base and three fine-tunes of it."""
    base = _arrays(np.random.default_rng(0), 1.0)
    changes = {name: _arrays(np.random.default_rng(seed), 0.3) for seed, name in enumerate(NAMES[1:], start=1)}
    tuned = {name: {key: base[key] + change[key] for key in base} for name, change in changes.items()}
    return {"base": base, **tuned}


def save_llamas(folder: Path) -> None:
    """Write each into a folder of its name."""
    import json

    for name, arrays in llamas().items():
        (folder / name).mkdir(parents=True)
        save_file(arrays, folder / name / "model.safetensors", metadata={"format": "pt"})
        (folder / name / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")


def _arrays(rng: np.random.Generator, scale: float) -> Arrays:
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
        "lm_head.weight": (VOCABULARY, HIDDEN),
    }
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        shapes |= {f"{prefix}.self_attn.{part}_proj.weight": (HIDDEN, HIDDEN) for part in "qkvo"}
        shapes |= {f"{prefix}.mlp.{part}_proj.weight": (INNER, HIDDEN) for part in ("gate", "up")}
        shapes[f"{prefix}.mlp.down_proj.weight"] = (HIDDEN, INNER)
        shapes |= {f"{prefix}.{part}_layernorm.weight": (HIDDEN,) for part in ("input", "post_attention")}
    return {name: (scale * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}
