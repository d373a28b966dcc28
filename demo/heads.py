"""Linear classifiers: the head on frozen features, and the same thing on raw pixels for comparison."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # inverse regularisation, chosen on validation


@dataclass(frozen=True)
class Head:
    """logits = x @ weight.T + bias, with `weight` of shape (classes, features)."""

    weight: np.ndarray
    bias: np.ndarray

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """The share of rows whose largest logit is their label's."""
        return float(((features @ self.weight.T + self.bias).argmax(axis=1) == labels).mean())


Labelled = tuple[np.ndarray, np.ndarray]


def fit(train: Labelled, val: Labelled, strengths: tuple[float, ...] = STRENGTHS) -> Head:
    """Multinomial logistic regression; the regularisation that does best on `val` (the stronger one on a tie)."""
    fitted = [_fit(*train, strength) for strength in strengths]
    return max(fitted, key=lambda head: head.accuracy(*val))


def _fit(features: np.ndarray, labels: np.ndarray, strength: float) -> Head:
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3).fit(scaler.transform(features), labels)
    weight = model.coef_ / scaler.scale_
    bias = model.intercept_ - weight @ scaler.mean_
    return Head(weight.astype(np.float32), bias.astype(np.float32))


def pixels(images: np.ndarray) -> np.ndarray:
    """uint8 `(N, 56, 56, 3)` → grey 14 × 14 averages in 0…1, `(N, 196)` per colour."""
    count, side, _, colours = images.shape
    blocks = images.reshape(count, side // 4, 4, side // 4, 4, colours).mean(axis=(2, 4), dtype=np.float32)
    averages: np.ndarray = blocks.reshape(count, -1) / 255
    return averages
