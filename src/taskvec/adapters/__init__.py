"""Task vectors as LoRA adapters: products of thin factors, as near as a rank or an error allows."""

from taskvec.adapters.extraction import Extraction, extract_lora
from taskvec.adapters.result import LoraResult
from taskvec.adapters.targets import Targets

__all__ = ["Extraction", "LoraResult", "Targets", "extract_lora"]
