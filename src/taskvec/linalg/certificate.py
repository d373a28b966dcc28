"""How far the vectors recovered from a basis are from the truth: exactly, for any coefficients, from T × T numbers.

For coefficients a, ‖(V̂ − V)a‖² = aᵀRa with R = (V̂ − V)ᵀ(V̂ − V), which follows from the inner products of the task
vectors and of the atoms *as written*, rounding included: R = G − CᵀW − WᵀC + WᵀHW, where H = ŜᵀŜ and C = ŜᵀV.
The identity is ours. Relative errors below about 1e-7 are rounding noise of the float64 sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.spectrum import Spectrum

Matrix = NDArray[np.float64]

_RANK_TOLERANCE = 1e-12


def best_decoder(atom_gram: Matrix, cross: Matrix) -> Matrix:
    """Return W = H⁺C, the decoder of least error for given atoms.

    Args:
        atom_gram: H = ŜᵀŜ, ``(M, M)``.
        cross: C = ŜᵀV, ``(M, T)``.

    Returns:
        W, ``(M, T)``.
    """
    return decoding(atom_gram)(cross)


def decoding(atom_gram: Matrix) -> Callable[[Matrix], Matrix]:
    """Return C ↦ H⁺C, for many C beside the same atoms.

    Args:
        atom_gram: H = ŜᵀŜ, ``(M, M)``; of atoms that are not known, nothing follows but NaN.

    Returns:
        The function.
    """
    if np.isnan(atom_gram).any():
        return lambda cross: np.full_like(cross, np.nan)
    norms = np.sqrt(np.maximum(np.diag(atom_gram), 0.0))
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    scaled = scale[:, None] * atom_gram * scale
    inverse = np.linalg.pinv(scaled, rcond=_RANK_TOLERANCE, hermitian=True)

    def decode(cross: Matrix) -> Matrix:
        decoder: Matrix = scale[:, None] * (inverse @ (scale[:, None] * cross))
        return decoder

    return decode


def residual_gram(gram: Matrix, atom_gram: Matrix, cross: Matrix, decoder: Matrix) -> Matrix:
    """Return R = (V̂ − V)ᵀ(V̂ − V) for V̂ = ŜW.

    Args:
        gram: G, ``(T, T)``.
        atom_gram: H, ``(M, M)``.
        cross: C, ``(M, T)``.
        decoder: W, ``(M, T)``.

    Returns:
        R, symmetric ``(T, T)``.
    """
    mixed = cross.T @ decoder
    residual = gram - mixed - mixed.T + decoder.T @ atom_gram @ decoder
    return (residual + residual.T) / 2


@dataclass(frozen=True)
class Certificate:
    """The errors of a basis.

    Attributes:
        tasks: The T names.
        num_atoms: M.
        gram: G, ``(T, T)``.
        residual: R, ``(T, T)``; NaN, as in G, where two tasks never met.
        group_optimum: The least relative error with as many atoms in each group, where groups have bases of their own.
    """

    tasks: tuple[str, ...]
    num_atoms: int
    gram: Matrix
    residual: Matrix
    group_optimum: float | None = None

    @property
    def relative_error(self) -> float:
        """‖V̂ − V‖_F / ‖V‖_F."""
        return relative_size(float(np.trace(self.residual)), float(np.trace(self.gram)))

    @property
    def task_errors(self) -> dict[str, float]:
        """‖τ̂ − τ‖ / ‖τ‖ of each task."""
        pairs = zip(np.diag(self.residual), np.diag(self.gram), strict=True)
        return {name: relative_size(float(r), float(g)) for name, (r, g) in zip(self.tasks, pairs, strict=True)}

    @property
    def sum_error(self) -> float:
        """The relative error of the sum of all task vectors."""
        return self.error_of(np.ones(len(self.tasks)))

    @property
    def optimal_error(self) -> float:
        """The least relative error that any M vectors can have: √(Σ_{i>M} λᵢ / Σ λᵢ)."""
        if self.group_optimum is not None:
            return self.group_optimum
        if np.isnan(self.gram).any():
            return float("nan")
        errors = Spectrum.of(self.gram).optimal_errors()
        return float(errors[self.num_atoms - 1]) if 1 <= self.num_atoms <= len(errors) else 0.0

    @property
    def worst_task(self) -> str:
        """The task that is recovered worst, of those whose errors are known; the first where none is."""
        errors = self.task_errors
        return max(errors, key=lambda task: -1.0 if np.isnan(errors[task]) else errors[task])

    def error_of(self, coefficients: Sequence[float] | NDArray[np.float64]) -> float:
        """Return the relative error of Σ coefficients[t] τ_t when it is taken from the basis.

        Args:
            coefficients: One number a task, ``(T,)``.

        Returns:
            √(aᵀRa / aᵀGa); 0 where both sides vanish, infinity where only the truth does, NaN where it is unknown.
        """
        a = np.asarray(coefficients, np.float64)
        used = np.flatnonzero(a)
        a, block = a[used], np.ix_(used, used)
        return relative_size(float(a @ self.residual[block] @ a), float(a @ self.gram[block] @ a))

    def of(self, tasks: Sequence[str]) -> Certificate:
        """Return the errors of some of the tasks alone."""
        places = [self.tasks.index(name) for name in tasks]
        block = np.ix_(places, places)
        return replace(self, tasks=tuple(tasks), gram=self.gram[block], residual=self.residual[block])

    def error_of_expression(self, coefficients: Mapping[str, float]) -> float:
        """Return the relative error of a named combination of task vectors."""
        return self.error_of([coefficients.get(name, 0.0) for name in self.tasks])

    def to_json(self) -> dict[str, Any]:
        """Return the errors as the command line prints them; None where one is unknown."""
        return {
            "relative_error": known(self.relative_error),
            "task_errors": {task: known(error) for task, error in self.task_errors.items()},
            "sum_error": known(self.sum_error),
            "optimal_error": known(self.optimal_error),
        }


def known(error: float) -> float | None:
    """Return an error, or None where it is unknown, or infinite beside a truth that vanishes."""
    return float(error) if np.isfinite(error) else None


def in_words(error: float, digits: int = 3) -> str:
    """Return an error for people to read, with so many digits, or that it is unknown."""
    return "unknown" if np.isnan(error) else f"{error:.{digits}g}"


def enough(error: float, digits: int = 3) -> str:
    """Return a positive error for people to allow: with so many digits, rounded up."""
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(error)))
    return f"{np.ceil(error * scale) / scale:.{digits}g}"


def relative_size(error: float, truth: float) -> float:
    """Return the square root of error ÷ truth, both squared norms.

    Args:
        error: ‖e‖²; what rounding makes of a zero may be below it.
        truth: ‖τ‖².

    Returns:
        ‖e‖/‖τ‖; 0 where the error vanishes, infinity where only the truth does, NaN where one is unknown.
    """
    if error <= 0:
        return 0.0
    if np.isnan(error) or np.isnan(truth):
        return float("nan")
    return float(np.sqrt(error / truth)) if truth > 0 else float("inf")
