"""Task vectors as LoRA adapters: products of thin factors, as near as a rank or an error allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvec.lazy import lazy_names

if TYPE_CHECKING:
    from taskvec.adapters.extraction import Extraction, extract_lora
    from taskvec.adapters.result import LoraMatrix, LoraResult
    from taskvec.adapters.targets import Targets

__all__ = ["Extraction", "LoraMatrix", "LoraResult", "Targets", "extract_lora"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Extraction": "taskvec.adapters.extraction",
        "LoraMatrix": "taskvec.adapters.result",
        "LoraResult": "taskvec.adapters.result",
        "Targets": "taskvec.adapters.targets",
        "extract_lora": "taskvec.adapters.extraction",
    },
)
