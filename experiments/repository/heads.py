"""One linear head a task, fitted once to the base's features and never moved afterwards."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from experiments.repository.network import Network
from experiments.repository.pictures import Labelled

DECAY = 1e-3
_BATCH = 256
_ITERATIONS = 60


def features(network: Network, images: NDArray[np.float32]) -> Tensor:
    """What the network makes of grey pictures `(N, 28, 28)`: `(N, 96)`."""
    network.eval()
    with torch.no_grad():
        pieces = torch.from_numpy(images)[:, None].split(_BATCH)
        return torch.cat([network(piece) for piece in pieces])


def fit(network: Network, train: Labelled) -> tuple[Tensor, Tensor]:
    """Fit a multinomial regression by L-BFGS to standardised features.

    Args:
        network: The base.
        train: The pictures; every class occurs.

    Returns:
        Weight `(classes, 96)` and bias `(classes,)` for features as they are.
    """
    found, labels = features(network, train.images), torch.from_numpy(train.labels)
    mean, deviation = found.mean(dim=0), found.std(dim=0) + 1e-6
    inputs, classes = (found - mean) / deviation, int(labels.max()) + 1
    weight = torch.zeros(classes, inputs.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        misfit = functional.cross_entropy(functional.linear(inputs, weight, bias), labels)
        loss = misfit + DECAY * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        scaled = weight / deviation
        return scaled, bias - scaled @ mean


def accuracy(network: Network, head: tuple[Tensor, Tensor], pictures: Labelled) -> float:
    """The share of pictures that a network gets right under a head."""
    logits = functional.linear(features(network, pictures.images), *head)
    return float((logits.argmax(dim=1).numpy() == pictures.labels).mean())
