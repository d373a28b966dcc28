"""Checkpoints of language models: read, and written beside what belongs to them."""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_model
from transformers import AutoModelForCausalLM, AutoTokenizer

WEIGHTS = "model.safetensors"


def read_model(folder: Path) -> Any:
    """The model of a folder, in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def write_model(model: Any, folder: Path, like: Path) -> None:
    """Write weights, and every other file as it is in the folder `like`; tied weights are written once."""
    for file in like.iterdir():
        if file.name != WEIGHTS:
            shutil.copyfile(file, folder / file.name)
    save_model(model, str(folder / WEIGHTS), metadata={"format": "pt"})
