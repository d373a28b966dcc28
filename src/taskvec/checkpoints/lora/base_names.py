"""The modules of a base by every name that an adapter may give them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from taskvec.checkpoints.checkpoint import Checkpoint

_WEIGHT = ".weight"
_PREFIXES = ("", "model.", "module.", "_orig_mod.", "transformer.", "unet.", "text_encoder.", "base_model.model.")
_FLAT: Mapping[str, tuple[str, ...]] = {  # what kohya's trainer calls a component → what checkpoints call it
    "lora_unet_": ("unet.", "transformer.", "model.diffusion_model.", ""),
    "lora_transformer_": ("transformer.", ""),
    "lora_te_": ("text_encoder.", "cond_stage_model.transformer.", ""),
    "lora_te1_": ("text_encoder.", "conditioner.embedders.0.transformer.", ""),
    "lora_te2_": ("text_encoder_2.", "conditioner.embedders.1.transformer.", ""),
}


class BaseNames:
    """The tensors of a base, to be found by the names of modules.

    Adapters of one kind keep the module's own name, perhaps with another prefix than the base, the same for all. Those
    of kohya's trainer write ``_`` for every dot, behind a word for the component.
    """

    def __init__(self, base: Checkpoint, modules: Iterable[str]) -> None:
        self._names = frozenset([*base.tensors, *base.tied])
        self._flat = dict(_flattened(self._names))
        named = [module for module in modules if not _is_flat(module)]
        self._less, self._more = self._prefixes(named)

    def weight(self, module: str) -> str | None:
        """Return the weight of a module; None where the base has no such module."""
        if _is_flat(module):
            return self._flat.get(module)
        return self.tensor(module + _WEIGHT)

    def tensor(self, name: str) -> str | None:
        """Return a tensor of the base; None where it has none of that name."""
        moved = self._more + name.removeprefix(self._less)
        return next((found for found in (moved, name) if found in self._names), None)

    def _prefixes(self, modules: list[str]) -> tuple[str, str]:
        """Return what to take from the front of every name and what to put there, so that most names are found."""

        def found(change: tuple[str, str]) -> int:
            less, more = change
            moved = (more + module.removeprefix(less) + _WEIGHT for module in modules if module.startswith(less))
            return sum(name in self._names for name in moved)

        return max(product(_PREFIXES, _PREFIXES), key=found)


def _is_flat(module: str) -> bool:
    return module.startswith(tuple(_FLAT))


def _flattened(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    modules = [name.removesuffix(_WEIGHT) for name in names if name.endswith(_WEIGHT)]
    for word, components in _FLAT.items():
        for component in reversed(components):  # the first component wins
            inside = (module for module in modules if module.startswith(component))
            for module in inside:
                yield word + module.removeprefix(component).replace(".", "_"), module + _WEIGHT
