"""LoRA adapters as people keep them, read as what they are: pairs of thin factors for some tensors of a base."""

from taskvec.checkpoints.lora.adapted import AdaptedCheckpoint
from taskvec.checkpoints.lora.adapter import Adapter, AdapterCheckpoint, LoraPair
from taskvec.checkpoints.lora.binding import bound
from taskvec.checkpoints.lora.opening import is_adapter_folder, open_adapter_folder, opened_table
from taskvec.checkpoints.lora.recorded_base import check_recorded_base, hub_id_of

__all__ = [
    "AdaptedCheckpoint",
    "Adapter",
    "AdapterCheckpoint",
    "LoraPair",
    "bound",
    "check_recorded_base",
    "hub_id_of",
    "is_adapter_folder",
    "open_adapter_folder",
    "opened_table",
]
