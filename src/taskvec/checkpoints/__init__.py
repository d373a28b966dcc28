"""Bytes to named tensors and back: the formats in which people keep models."""

from taskvec.checkpoints.abandoned import remove_abandoned
from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.expected import expected_checkpoint
from taskvec.checkpoints.generated import random_checkpoint, zeros_like
from taskvec.checkpoints.opening import open_checkpoint
from taskvec.checkpoints.row_quantized import open_row_quantized, quantized_layout, write_row_quantized
from taskvec.checkpoints.staging import StagedOutput, create_json_exclusive, write_json_atomic
from taskvec.checkpoints.writer import CheckpointWriter

__all__ = [
    "Checkpoint",
    "CheckpointWriter",
    "StagedOutput",
    "create_json_exclusive",
    "expected_checkpoint",
    "open_checkpoint",
    "open_row_quantized",
    "quantized_layout",
    "random_checkpoint",
    "remove_abandoned",
    "write_json_atomic",
    "write_row_quantized",
    "zeros_like",
]
