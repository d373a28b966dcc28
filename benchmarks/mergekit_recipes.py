"""Run by mergekit's own interpreter: carry recipes out and gather their outputs: ``mergekit_recipes.py RECIPES OUT``.

The working directory holds the models; names in OUT are ``RECIPE/TENSOR``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge
from safetensors.numpy import load_file, save_file


def main(recipes: Path, out: Path) -> None:
    """Carry out every recipe of a folder."""
    options = MergeOptions(copy_tokenizer=False, write_model_card=False, quiet=True)
    gathered = {}
    for recipe in sorted(recipes.glob("*.yaml")):
        config = MergeConfiguration.model_validate(yaml.safe_load(recipe.read_text(encoding="utf-8")))
        with tempfile.TemporaryDirectory() as folder:
            run_merge(config, folder, options)
            for file in Path(folder).glob("*.safetensors"):
                gathered |= {f"{recipe.stem}/{name}": array for name, array in load_file(file).items()}
    save_file(gathered, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
