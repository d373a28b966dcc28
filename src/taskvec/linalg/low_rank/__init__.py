"""Task vectors as LoRA adapters: products of thin factors, as near as a rank or an error allows."""

from taskvec.linalg.low_rank.extraction import Extraction, extract_lora
from taskvec.linalg.low_rank.result import LoraResult
from taskvec.linalg.low_rank.targets import Targets

__all__ = ["Extraction", "LoraResult", "Targets", "extract_lora"]
