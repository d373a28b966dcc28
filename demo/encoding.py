"""From pictures to features: what the linear heads look at."""

from collections.abc import Iterator

import numpy as np
import torch
from transformers import Dinov2Model

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
BATCH = 128


def tensors(images: np.ndarray) -> torch.Tensor:
    """uint8 `(N, H, W, 3)` → normalised float32 `(N, 3, H, W)`."""
    return (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - MEAN) / DEVIATION


def features(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """The class token beside the mean of the patches, `(N, 768)`."""
    hidden = model(batch).last_hidden_state
    return torch.cat([hidden[:, 0], hidden[:, 1:].mean(dim=1)], dim=1)


def batches(images: np.ndarray) -> Iterator[np.ndarray]:
    """`images` cut into pieces that fit in memory."""
    for start in range(0, len(images), BATCH):
        yield images[start : start + BATCH]


def encode(model: Dinov2Model, images: np.ndarray) -> np.ndarray:
    """Features of all `images` as float32 `(N, 768)`."""
    model.eval()
    with torch.inference_mode():
        return np.concatenate([features(model, tensors(piece)).numpy() for piece in batches(images)])
