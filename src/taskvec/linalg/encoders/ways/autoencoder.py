"""The trained basis of Task Vector Bases (arXiv 2502.01015), on the Gram matrix alone.

Atoms S = VB with B = softmax(A/τ) over tasks, so each is a convex combination of task vectors; V̂ = SW; the loss is
‖VBW − V‖²_F / T² = tr(EᵀGE)/T² with E = BW − I (paper). Defaults are those of the authors' released recipe (code):
A ~ N(0, 1), W = 0, Adam on both with learning rate 1e-2 and weight decay 1e-6, 6000 steps, τ = 5, all tasks at once.
We differ in float64 throughout (theirs: float32) and in the generator of A. ``solver="varpro"`` is ours: W is the least
squares decoder for the current B at every step (variable projection), so that only A is learned.
Cost: O(steps · T² M); no pass over weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import BasisError
from taskvec.linalg.certificate import best_decoder
from taskvec.linalg.encoders.basis_method import BasisMethod
from taskvec.linalg.encoders.encoding import Encoding, MethodOptions
from taskvec.parameter import count, flag, number, word

Matrix = NDArray[np.float64]

SOLVERS = ("adam", "varpro")
ACTIVATIONS = ("softmax", "linear")

_LEAST_TAU = 0.1
_MEAN_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class AutoencoderOptions(MethodOptions):
    """Options of ``autoencoder``; the defaults are the authors'."""

    solver: str = word(
        "adam", "adam trains A and W as published; varpro trains A, W being the least squares one", choices=SOLVERS
    )
    steps: int = count(6000, "steps of Adam", least=1)
    learning_rate: float = number(1e-2, "the rate of Adam", above=0)
    weight_decay: float = number(1e-6, "what is added to gradients, times the parameter")
    tau: float = number(5.0, "the temperature τ", above=0)
    anneal_every: int = count(0, "lower τ after every so many steps; 0 keeps it")
    anneal_factor: float = number(0.9, f"τ ← max({_LEAST_TAU}, anneal_factor · τ)")
    encoder: str = word("softmax", "B = softmax(A/τ), or A/τ", choices=ACTIVATIONS)
    decoder: str = word("linear", "W as it is, or softmax(W/τ) over atoms; for adam", choices=ACTIVATIONS)
    rescale: bool = flag(
        False,
        "divide G by its mean diagonal first, so that steps and weight decay mean the same for vectors of any norm "
        "(ours); without it, vectors of norms far below 1 are hardly learned",
    )
    seed: int = count(0, "the key of A")

    @property
    def draws(self) -> bool:
        """Whether something is drawn at random: A is."""
        return True

    def problem(self) -> str | None:
        """Say which values do not go together."""
        is_open = self.solver == "varpro" and self.decoder != "linear"
        return "varpro fits W by least squares, so decoder must stay linear" if is_open else None


def _encode(gram: Matrix, num_atoms: int, options: AutoencoderOptions) -> Encoding:
    """Train encoder and decoder.

    Args:
        gram: G, ``(T, T)``.
        num_atoms: M.
        options: How.

    Returns:
        The encoding: with the trained decoder for ``adam``, with the decoder left to least squares for ``varpro``.

    Raises:
        BasisError: If training diverges.
    """
    num_tasks = len(gram)
    if options.rescale and np.trace(gram) > 0:
        gram = gram * (num_tasks / np.trace(gram))  # noqa: PLR6104  # the caller's matrix stays as it is
    logits = np.random.default_rng(options.seed).standard_normal((num_tasks, num_atoms))
    decoder = np.zeros((num_atoms, num_tasks))
    adam_logits, adam_decoder = _Adam(options, logits), _Adam(options, decoder)
    tau = options.tau
    for step in range(1, options.steps + 1):
        slopes = loss_gradients(gram, logits, decoder, tau, options)
        adam_logits.step(slopes.logits)
        if slopes.decoder is not None:
            adam_decoder.step(slopes.decoder)
        if options.anneal_every and step % options.anneal_every == 0:
            tau = max(_LEAST_TAU, options.anneal_factor * tau)
    if not (np.isfinite(logits).all() and np.isfinite(decoder).all()):
        raise BasisError("autoencoder: training diverged; use a smaller learning_rate")
    encoder = _activate(logits, tau, options.encoder)
    return Encoding(encoder, _decode(decoder, tau, options.decoder) if options.solver == "adam" else None)


@dataclass(frozen=True, slots=True)
class Gradients:
    """The loss, and its derivatives by what is learned.

    Attributes:
        loss: tr(EᵀGE)/T².
        logits: By A, ``(T, M)``.
        decoder: By W, ``(M, T)``; None where W is not learned.
    """

    loss: float
    logits: Matrix
    decoder: Matrix | None


def loss_gradients(gram: Matrix, logits: Matrix, decoder: Matrix, tau: float, options: AutoencoderOptions) -> Gradients:
    """Return the loss and its gradients.

    Args:
        gram: G, ``(T, T)``.
        logits: A, ``(T, M)``.
        decoder: W, ``(M, T)``; not looked at by ``varpro``.
        tau: τ.
        options: Solver and activations.

    Returns:
        Loss and gradients.
    """
    encoder = _activate(logits, tau, options.encoder)
    if options.solver == "varpro":
        cross = encoder.T @ gram
        decoding = best_decoder(cross @ encoder, cross)
    else:
        decoding = _decode(decoder, tau, options.decoder)
    error = encoder @ decoding - np.eye(len(gram))
    weighted = gram @ error
    scale = 1.0 / len(gram) ** 2
    slope = 2.0 * scale * weighted
    by_logits = _activation_gradient(slope @ decoding.T, encoder, tau, options.encoder)
    by_decoder = None
    if options.solver == "adam":
        by_decoder = _decoder_gradient(encoder.T @ slope, decoding, tau, options.decoder)
    return Gradients(float((error * weighted).sum()) * scale, by_logits, by_decoder)


def _activate(logits: Matrix, tau: float, activation: str) -> Matrix:
    scaled: Matrix = logits / tau
    if activation == "linear":
        return scaled
    powers = np.exp(scaled - scaled.max(axis=0))
    softmax: Matrix = powers / powers.sum(axis=0)
    return softmax


def _activation_gradient(slope: Matrix, active: Matrix, tau: float, activation: str) -> Matrix:
    if activation == "linear":
        return slope / tau
    gradient: Matrix = active * (slope - (active * slope).sum(axis=0)) / tau
    return gradient


def _decode(decoder: Matrix, tau: float, activation: str) -> Matrix:
    return decoder if activation == "linear" else _activate(decoder, tau, activation)


def _decoder_gradient(slope: Matrix, active: Matrix, tau: float, activation: str) -> Matrix:
    return slope if activation == "linear" else _activation_gradient(slope, active, tau, activation)


class _Adam:
    """Adam (arXiv 1412.6980) with the weight decay added to the gradient; changes its parameters in place."""

    def __init__(self, options: AutoencoderOptions, parameters: Matrix) -> None:
        self._rate, self._decay = options.learning_rate, options.weight_decay
        self._parameters = parameters
        self._mean = np.zeros_like(parameters)
        self._square = np.zeros_like(parameters)
        self._steps = 0

    def step(self, gradient: Matrix) -> None:
        gradient = gradient + self._decay * self._parameters  # noqa: PLR6104  # the caller's array stays as it is
        self._steps += 1
        self._mean += (1 - _MEAN_DECAY) * (gradient - self._mean)
        self._square += (1 - _SQUARE_DECAY) * (gradient**2 - self._square)
        mean = self._mean / (1 - _MEAN_DECAY**self._steps)
        square = self._square / (1 - _SQUARE_DECAY**self._steps)
        self._parameters -= self._rate * mean / (np.sqrt(square) + _EPSILON)


autoencoder = BasisMethod(
    "autoencoder",
    _encode,
    AutoencoderOptions,
    "a softmax encoder, trained by Adam",
    "arXiv 2502.01015",
    atoms="B = softmax(A/τ), trained",
    coefficients="W, trained; least squares with `solver=varpro` (ours)",
)
