"""Which tensor of a fine-tuned model is which of its base: the same name, a tied one, or one behind another prefix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from taskvec.checkpoints import Checkpoint
from taskvec.types import TensorInfo

_WRAPPERS = re.compile(r"(^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_PREFIXES = (
    "",
    "model.",
    "module.",
    "transformer.",
    "base_model.model.",
    "encoder.",
    "bert.",
    "language_model.",
    "unet.",
)
_BUFFERS = re.compile(
    r"(.*\.)?(inv_freq|original_inv_freq|position_ids|token_type_ids|masked_bias|num_batches_tracked"
    r"|relative_position_index|relative_coords_table|cached_cos|cached_sin|cos_cached|sin_cached)"
)
_CAUSAL_MASK = re.compile(r"(.*\.)?(attn|attention)\.bias")
_TRAINING_STATE = re.compile(
    r"(optimizers?|optim|optimizer_states|lr_schedulers?|scheduler|callbacks|loops|grad_scaler)\..*"
    r"|(.*\.)?(exp_avg|exp_avg_sq|momentum_buffer|max_exp_avg_sq)|global_step|epoch"
)
_TIED_KIND = re.compile(r"(.*\.)?(\w*embed\w*|wte|shared|lm_head|proj_out|decoder|predictions)(\.\w+)*\.weight")
_PIECE = 1 << 18  # elements compared at once


@dataclass(frozen=True)
class Counterparts:
    """The names of one model in terms of its base's.

    Attributes:
        base: The base.
        checkpoint: The fine-tuned model.
    """

    base: Checkpoint
    checkpoint: Checkpoint

    def of(self, info: TensorInfo) -> TensorInfo | None:
        """Return the counterpart of a base's tensor by its name, a tied name or a name behind another prefix."""
        other = self.checkpoint
        for name in self._names(info.name):
            found = other.tensors.get(other.tied.get(name, name))
            if found is not None:
                return found
        return None

    def is_prefixed(self, info: TensorInfo, found: TensorInfo) -> bool:
        """Say whether a counterpart was found behind another prefix."""
        return self._unprefixed.get(info.name) == found.name

    def tied_copy(self, info: TensorInfo) -> TensorInfo | None:
        """Return what stands for a tensor that the model leaves out because the base has it twice.

        The base has two names with equal values, the model has one of them: it is tied there. Equality is read.
        """
        if not _TIED_KIND.fullmatch(info.name):
            return None
        twins = (t for t in self.base.tensors.values() if t.name != info.name and t.shape == info.shape)
        for twin in twins:
            is_kind = _TIED_KIND.fullmatch(twin.name) and twin.dtype == info.dtype
            if is_kind and (found := self.of(twin)) and _equal(self.base, info.name, self.base, twin.name):
                return found
        return None

    def is_equal_copy(self, name: str) -> bool:
        """Say whether a tensor that is tied in the base has weights of its own that equal the other's; this is read."""
        kept = self.base.tied.get(name)
        found = self.of(self.base.tensors[kept]) if kept else None
        if found is None or self.checkpoint.tensors[name].shape != found.shape:
            return False
        return found.name == name or _equal(self.checkpoint, name, self.checkpoint, found.name)

    def _names(self, name: str) -> Iterator[str]:
        known = [name, *self._aliases.get(name, ())]
        yield from known
        yield from filter(None, map(self._unprefixed.get, known))

    @cached_property
    def _aliases(self) -> dict[str, list[str]]:
        """Base's name → the names that are tied to it."""
        found: dict[str, list[str]] = {}
        for name, kept in self.base.tied.items():
            found.setdefault(kept, []).append(name)
        return found

    @cached_property
    def _unprefixed(self) -> dict[str, str]:
        """Base's name → the model's name that differs from it by wrappers and one prefix alone."""
        known = {*self.base.tensors, *self.base.tied}
        own = {_WRAPPERS.sub("", name): name for name in [*self.checkpoint.tensors, *self.checkpoint.tied]}
        if known <= own.keys() and all(name == plain for plain, name in own.items()):
            return {}

        def moved(change: tuple[str, str]) -> dict[str, str]:
            less, more = change
            return {more + plain.removeprefix(less): name for plain, name in own.items() if plain.startswith(less)}

        best = max(product(_PREFIXES, _PREFIXES), key=lambda change: len(known & moved(change).keys()))
        return {plain: name for plain, name in moved(best).items() if plain != name}


def is_buffer(info: TensorInfo) -> bool:
    """Say whether a tensor is computed from the configuration, so that nobody trains or misses it."""
    is_mask = _CAUSAL_MASK.fullmatch(info.name) is not None and len(info.shape) == 4
    return is_mask or _BUFFERS.fullmatch(info.name) is not None


def is_training_state(name: str) -> bool:
    """Say whether a tensor belongs to a training run and not to the model."""
    return _TRAINING_STATE.fullmatch(name) is not None


def split_names(infos: Iterable[TensorInfo]) -> tuple[list[str], list[str], list[str]]:
    """Return the names of buffers, of training states and of all others."""
    every = list(infos)
    buffers = [info.name for info in every if is_buffer(info)]
    states = [info.name for info in every if is_training_state(info.name)]
    told = {*buffers, *states}
    return buffers, states, [info.name for info in every if info.name not in told]


def _equal(first: Checkpoint, name: str, second: Checkpoint, other: str) -> bool:
    info, twin = first.tensors[name], second.tensors[other]
    if (info.shape, info.dtype) != (twin.shape, twin.dtype):
        return False
    for start in range(0, info.num_params, _PIECE):
        count = min(_PIECE, info.num_params - start)
        pieces = [np.empty(count, info.dtype.storage) for _ in range(2)]
        first.read_into(name, start, pieces[0])
        second.read_into(other, start, pieces[1])
        if pieces[0].tobytes() != pieces[1].tobytes():
            return False
    return True
