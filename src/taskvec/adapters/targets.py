"""Which tensors of a model an adapter can change: the weights of layers, and of them those that are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from taskvec.checkpoints import Checkpoint
from taskvec.errors import DecompositionError
from taskvec.types import TensorInfo

_WEIGHT = ".weight"
_EMBEDDING = re.compile(r"(.*\.)?(wte|wpe|shared|\w*embed(ding|dings|s)?(_\w+)?|embed_\w+)")


@dataclass(frozen=True)
class Targets:
    """Patterns of tensor names, such as ``*.q_proj.weight``; ``*`` matches dots too.

    Attributes:
        include: Only these; all weights of layers if empty. Embeddings are changed only where a pattern names them.
        exclude: Not these.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def of(self, base: Checkpoint) -> list[TensorInfo]:
        """Return the tensors of a base that become products of factors.

        Args:
            base: The base.

        Returns:
            Matrices, and convolutions of two dimensions.

        Raises:
            DecompositionError: If a pattern matches nothing, or nothing is left.
        """
        able = [info for info in base.tensors.values() if is_layer(info)]
        for pattern in (*self.include, *self.exclude):
            if not any(fnmatchcase(name, pattern) for name in base.tensors):
                raise DecompositionError(f"pattern {pattern!r} matches no tensor of {base.ref}: see taskvec inspect")
        shared = set(base.tied.values())  # an adapter on one name of a tied tensor would leave the other as it was
        found = [info for info in able if self._wants(info.name) and info.name not in shared]
        if not found:
            raise DecompositionError(
                f"{base.ref} holds no weights of layers that an adapter could change as asked: loosen --include and "
                "--exclude"
            )
        return found

    def _wants(self, name: str) -> bool:
        if any(fnmatchcase(name, pattern) for pattern in self.exclude):
            return False
        if self.include:
            return any(fnmatchcase(name, pattern) for pattern in self.include)
        return not is_embedding(module_of(name))


def module_of(name: str) -> str:
    """Return the layer that a weight belongs to."""
    return name.removesuffix(_WEIGHT)


def is_embedding(module: str) -> bool:
    """Say whether a layer is an embedding, whose rows are inputs; names are all that a checkpoint says of that."""
    return _EMBEDDING.fullmatch(module) is not None


def has_transposed_layers(tensors: Mapping[str, TensorInfo]) -> bool:
    """Say whether a model keeps its matrices as inputs × outputs, as Conv1D layers do: a bias has the outputs' length.

    Args:
        tensors: The model's tensors.

    Returns:
        What the first layer with a bias that is not square says; False where none does.
    """
    for info in tensors.values():
        bias = tensors.get(f"{module_of(info.name)}.bias")
        if bias is None or len(info.shape) != 2 or info.shape[0] == info.shape[1]:
            continue
        if bias.shape == info.shape[:1]:
            return False
        if bias.shape == info.shape[1:]:
            return True
    return False


def left_out(base: Checkpoint, targets: Iterable[TensorInfo]) -> Sequence[str]:
    """Return the names of the tensors that arithmetic applies to and that are no targets."""
    chosen = {info.name for info in targets}
    return [n for n, info in base.tensors.items() if info.dtype.is_combinable and n not in chosen and info.num_params]


def is_layer(info: TensorInfo) -> bool:
    """Say whether a tensor is the weight of a layer that factors can change: a matrix, or a convolution of images."""
    is_weight = info.name.endswith(_WEIGHT) and info.dtype.is_combinable and info.num_params > 0
    return is_weight and len(info.shape) in {2, 4}
