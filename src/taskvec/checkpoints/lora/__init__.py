"""LoRA adapters as people keep them, read as what they are: pairs of thin factors for some tensors of a base."""

from taskvec.checkpoints.lora.adapted import Adapted, adapted
from taskvec.checkpoints.lora.adapter import Adapter, LoraPair, adapter_of
from taskvec.checkpoints.lora.binding import bound
from taskvec.checkpoints.lora.opening import is_adapter_folder, open_adapter_folder, opened_table
from taskvec.checkpoints.lora.recorded_base import check_recorded_base, hub_id_of

__all__ = [
    "Adapted",
    "Adapter",
    "LoraPair",
    "adapted",
    "adapter_of",
    "bound",
    "check_recorded_base",
    "hub_id_of",
    "is_adapter_folder",
    "open_adapter_folder",
    "opened_table",
]
