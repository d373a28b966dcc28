"""Quantised checkpoints, recognised by the names of their tensors and refused with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskvec.checkpoints.quoting import quoted
from taskvec.errors import CheckpointError
from taskvec.types import DType, TensorInfo

_ORIGINAL = "use the model that it was made from, in bf16, f16 or f32"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A way to quantise.

    Attributes:
        name: What people call it.
        mark: What the name of one of its tensors ends with.
        remedy: What to do instead.
        beside: What the name of another must end with, where ``mark`` alone does not tell.
    """

    name: str
    mark: re.Pattern[str]
    remedy: str = _ORIGINAL
    beside: re.Pattern[str] | None = None


_QWEIGHT = re.compile(r".*\.qweight")
_SCALES = re.compile(r".*(\.weight_scale_inv|\.weight_scale|\.scale_weight|_scale_inv)")
_KINDS = (
    _Kind("GPTQ", re.compile(r".*\.g_idx"), beside=_QWEIGHT),
    _Kind("AWQ", re.compile(r".*\.qzeros"), beside=_QWEIGHT),
    _Kind("GPTQ or AWQ", _QWEIGHT),
    _Kind("HQQ", re.compile(r".*\.W_q")),
    _Kind(
        "bitsandbytes 4-bit",
        re.compile(r".*\.(quant_state\..*|quant_map|nested_absmax|absmax)"),
        f"load it with transformers, call model.dequantize() and save that, or {_ORIGINAL}",
    ),
    _Kind(
        "bitsandbytes 8-bit",
        re.compile(r".*\.(SCB|weight_format)"),
        f"load it with transformers, call model.dequantize() and save that, or {_ORIGINAL}",
    ),
    _Kind("compressed-tensors", re.compile(r".*\.weight_packed")),
    _Kind("MXFP4", re.compile(r".*_blocks"), beside=re.compile(r".*_scales")),
    _Kind("AQLM", re.compile(r".*\.codebooks")),
    _Kind("FP8 with scales", _SCALES, f"multiply the scales in and save bf16, or {_ORIGINAL}"),
)
GGUF = (
    "is GGUF, the quantised format of llama.cpp, which is not supported: load it with transformers' "
    f"from_pretrained(…, gguf_file=…), call save_pretrained and name that folder, or {_ORIGINAL}"
)


def check_not_quantized(where: Path, tensors: Mapping[str, TensorInfo]) -> None:
    """Refuse integers that stand for weights: their differences mean nothing without the scales.

    Plain float8 tensors, without scales, are numbers like any other and are let through.

    Args:
        where: The file or folder, for the message.
        tensors: Its tensors.

    Raises:
        CheckpointError: If the names say that it is quantised.
    """
    for kind in _KINDS:
        found = _first(kind.mark, tensors)
        if found is None or (kind.beside and _first(kind.beside, tensors) is None):
            continue
        if kind.mark is _SCALES and not _has_narrow_weights(tensors):
            continue
        raise CheckpointError(
            f"{where}: is quantised ({kind.name}; tensor {quoted(found)} says so), and arithmetic on its codes would "
            f"mean nothing: {kind.remedy}"
        )


def _first(pattern: re.Pattern[str], names: Collection[str]) -> str | None:
    return next((name for name in names if pattern.fullmatch(name)), None)


def _has_narrow_weights(tensors: Mapping[str, TensorInfo]) -> bool:
    narrow = {DType.F8_E4M3, DType.F8_E5M2, DType.I8, DType.U8}
    return any(info.dtype in narrow and len(info.shape) > 1 for info in tensors.values())
