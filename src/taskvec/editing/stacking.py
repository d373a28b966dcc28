"""Models that are stacks of layers: opened, renumbered, and described by a configuration that counts right."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.huggingface_folder import TIED_HEAD, TIES
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.stacked import NameChange, StackedCheckpoint
from taskvec.editing.recipe.layers import LayerName, LayerNames, is_before_layers, layer_of
from taskvec.editing.recipe.schema import LayerRange, ModelSource, Stack
from taskvec.errors import RecipeError

_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_BY_LAYER = ("layer_types", "no_rope_layers")


def open_model(source: ModelSource, open_ref: Callable[[str], Checkpoint]) -> Checkpoint:
    """Open a model, or the models of a stack; no weight is read.

    Args:
        source: The model.
        open_ref: Opens one reference.

    Returns:
        The checkpoint.

    Raises:
        RecipeError: If a stack asks for layers that a model does not have.
    """
    if isinstance(source, str):
        return open_ref(source)
    opened = [open_ref(part.model) for part in source.slices]
    parts, offset = [], 0
    for index, (part, checkpoint) in enumerate(zip(source.slices, opened, strict=True)):
        ends = (index == 0, index == len(opened) - 1)
        parts.append((checkpoint, _renumbering(part, checkpoint, offset, *ends)))
        offset += part.layers[1] - part.layers[0]
    stacked = StackedCheckpoint(_label(source, opened), parts)
    config = _stacked_config(source, stacked)
    if config is not None:
        stacked.overlays = {**stacked.overlays, Path("config.json"): config.encode()}
    return stacked


def _stacked_config(source: Stack, stacked: StackedCheckpoint) -> str | None:
    """Return ``config.json`` of a stack: the first model's, with the number of layers that there are now.

    Where it ties the head and the last model brings one of its own, the head is tied no longer: loaders would drop it.

    Raises:
        RecipeError: If nothing in it says how many layers there are.
    """
    configs = [_config(part.path / "config.json") for part in stacked.parts]
    first = configs[0]
    if first is None:
        return None
    place = _text_config(first)
    key = next((key for key in _COUNTS if isinstance(place.get(key), int)), None)
    if key is None:
        raise RecipeError(
            f"{stacked.parts[0].path / 'config.json'}: none of {', '.join(_COUNTS)} says how many layers there are: "
            "add one"
        )
    place[key] = sum(part.layers[1] - part.layers[0] for part in source.slices)
    for name in (name for name in _BY_LAYER if isinstance(place.get(name), list)):
        place[name] = _joined([_text_config(config or {}).get(name) for config in configs], source.slices)
    if first.get(TIES) is True and TIED_HEAD in stacked.tensors and stacked.parts[0].ref != stacked.parts[-1].ref:
        first[TIES] = False  # the head is the last model's, which the first one's embeddings do not stand for
    return json.dumps(first, indent=2, ensure_ascii=False) + "\n"


def _renumbering(part: LayerRange, checkpoint: Checkpoint, offset: int, is_first: bool, is_last: bool) -> NameChange:
    names = LayerNames.of(checkpoint.tensors)
    prefix, (first, stop) = names.prefix, part.layers
    if stop > names.counts[prefix]:
        raise RecipeError(
            f"{checkpoint.ref}: has {names.counts[prefix]} layers {quoted(prefix + 'N')}, and layers "
            f"{list(part.layers)} are asked for"
        )

    def change(name: str) -> str | None:
        found = layer_of(name)
        if found is None:
            return name if (is_first if is_before_layers(name) else is_last) else None
        if not first <= found.layer < stop:
            return None
        return str(LayerName(prefix, found.layer - first + offset, found.rest))

    return change


def _label(source: Stack, opened: Sequence[Checkpoint]) -> str:
    parts = zip(source.slices, opened, strict=True)
    return " + ".join(f"{checkpoint.ref}[{part.layers[0]}:{part.layers[1]}]" for part, checkpoint in parts)


def _config(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise RecipeError(f"{path}: is not JSON: {error}; mend it or take it away") from None
    return config if isinstance(config, dict) else None


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that counts layers: of a model with several parts, the language model's."""
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) and not any(key in config for key in _COUNTS) else config


def _joined(lists: Sequence[Any], parts: Sequence[LayerRange]) -> list[Any]:
    """Take of each model's list the entries of its layers."""
    return [one for every, part in zip(lists, parts, strict=True) for one in (every or [])[slice(*part.layers)]]
