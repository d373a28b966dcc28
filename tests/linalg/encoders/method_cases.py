"""The table of methods: every law of a way to choose atoms runs on each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.encoders import BASIS_METHODS, Encoding
from taskvec.linalg.encoders.equalized import encode_equalized, norms_of

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class MethodCase:
    """A method with options, and what it promises.

    Attributes:
        label: Its name in the tests' output.
        method: The method.
        options: Its options.
        is_optimal: The error is the rank-K bound.
        is_convex: Atoms are convex combinations, where G is positive.
        ignores_order: The recovered vectors do not depend on the order of tasks.
        is_least_squares: No other decoder is better.
        normalize: Over vectors of norm 1.
    """

    label: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    is_optimal: bool = False
    is_convex: bool = False
    ignores_order: bool = True
    is_least_squares: bool = True
    normalize: bool = False

    def encode(self, gram: Matrix, num_atoms: int) -> Encoding:
        method = BASIS_METHODS.find(self.method)
        options = method.options_of(self.options)
        if self.normalize:
            found = encode_equalized(method, gram, num_atoms, options, norms_of(gram))
        else:
            found = method.encode(gram, num_atoms, options)
        assert isinstance(found, Encoding)
        return found


CASES = (
    MethodCase("spectral", "spectral", is_optimal=True, is_convex=True),
    MethodCase("spectral, eigenvectors", "spectral", {"convex": False}, is_optimal=True),
    MethodCase("spectral, normalized", "spectral", is_convex=True, normalize=True),
    MethodCase(
        "autoencoder", "autoencoder", {"steps": 300}, is_convex=True, ignores_order=False, is_least_squares=False
    ),
    MethodCase(
        "autoencoder, rescaled",
        "autoencoder",
        {"steps": 100, "rescale": True},
        is_convex=True,
        ignores_order=False,
        is_least_squares=False,
    ),
    MethodCase(
        "autoencoder, varpro", "autoencoder", {"steps": 100, "solver": "varpro"}, is_convex=True, ignores_order=False
    ),
    MethodCase(
        "autoencoder, annealed, softmax W",
        "autoencoder",
        {"steps": 100, "anneal_every": 20, "decoder": "softmax"},
        is_convex=True,
        ignores_order=False,
        is_least_squares=False,
    ),
    MethodCase(
        "autoencoder, linear",
        "autoencoder",
        {"steps": 100, "encoder": "linear"},
        ignores_order=False,
        is_least_squares=False,
    ),
    MethodCase("pca", "pca", is_least_squares=False),
    MethodCase("pca, refitted", "pca", {"refit": True}),
    MethodCase("subset, greedy", "subset", is_convex=True),
    MethodCase("subset, random", "subset", {"choice": "random", "seed": 3}, is_convex=True, ignores_order=False),
)

WITHOUT_ENCODER = {"random"}
"""Methods whose atoms are not made of task vectors; the laws of weights have them."""
