"""Tensors as products of two thin factors, in an ordinary safetensors file; read back as what they multiply out to.

``left/NAME`` is ``(m, r)`` and ``right/NAME`` ``(r, n)``, for a tensor of m rows and n = all other elements of a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.derived import derived, float32_like
from taskvec.checkpoints.products import Product, SumOfProducts
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.table import TensorSource
from taskvec.errors import CheckpointError
from taskvec.types import DType, TensorInfo

LEFT, RIGHT = "left/", "right/"


def factored_layout(ranks: Mapping[TensorInfo, int], dtype: DType) -> list[TensorInfo]:
    """Describe the factors of some tensors.

    Args:
        ranks: Tensor → r; a tensor of rank 0 has none.
        dtype: The dtype of the factors.

    Returns:
        The tensors of the file.
    """
    return [info for tensor, rank in ranks.items() if rank for info in _factors(tensor, rank, dtype)]


def _factors(tensor: TensorInfo, rank: int, dtype: DType) -> Iterable[TensorInfo]:
    rows = tensor.shape[0]
    yield TensorInfo(LEFT + tensor.name, dtype, (rows, rank))
    yield TensorInfo(RIGHT + tensor.name, dtype, (rank, tensor.num_params // rows))


def open_factored(stored: Checkpoint, tensors: Mapping[str, TensorInfo]) -> Checkpoint:
    """Return the tensors that the factors in a file stand for.

    Args:
        stored: The file, open.
        tensors: The tensors of the base, which have the shapes.

    Returns:
        A checkpoint of float32 tensors; of those that the file does not name there is nothing.

    Raises:
        CheckpointError: If a tensor is none of the base's, or its factors are not of its shape.
    """
    sources: dict[TensorInfo, TensorSource] = {}
    for name in stored.tensors:
        if not name.startswith(LEFT):
            continue
        own = name.removeprefix(LEFT)
        info = tensors.get(own)
        if info is None or RIGHT + own not in stored.tensors:
            raise CheckpointError(
                f"{stored.ref}: {quoted(own)} is no tensor of the base with two factors: make it anew"
            )
        product = Product.of_stored(stored, name, RIGHT + own)
        if product.shape != (info.shape[0], info.num_params // info.shape[0]) or product.right.shape[0] != product.rank:
            raise CheckpointError(
                f"{stored.ref}: the factors of {quoted(own)} make {list(product.shape)}, expected {list(info.shape)} "
                "of the base: make it anew"
            )
        sources[float32_like(info)] = SumOfProducts((product,))
    return derived(stored.ref, sources, [stored])
