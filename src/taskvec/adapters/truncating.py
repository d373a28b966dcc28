"""The pass that makes an adapter's factors: every matrix at a lower rank, in a small file of its own.

Where all that makes up a matrix is low-rank already, its factors are put side by side and recompressed; a dense change
is read whole and cut to its leading singular directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from taskvec.adapters.adapter_output import write_factors
from taskvec.adapters.peft_folder import PeftLayout
from taskvec.linalg.subspaces.precise import WIDENED_BYTES
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.singular import search_bytes
from taskvec.linalg.truncation import Truncated, truncated_matrix, truncated_products
from taskvec.streaming import AlignedTensor, Arrays, TensorKernel, TensorSink
from taskvec.vectors.coefficients import Coefficient, coefficient_at
from taskvec.vectors.factored_products import factors_of, is_factored, num_columns
from taskvec.vectors.forms import Form
from taskvec.vectors.matrix import MatrixReader, base_bytes, matrix_shape

_SINGLE, _DOUBLE = 4, 8  # bytes of a number


@dataclass(frozen=True)
class TruncateKernel(TensorKernel):
    """Σ coefficient · delta of every matrix at a lower rank; reduces it to its rank, ‖ΔW‖² and what was lost ``(3,)``.

    Attributes:
        terms: Forms and their coefficients.
        rule: How many directions are kept.
        layout: How the adapter is laid out.
        device: Where to multiply.
        files: Matrix → the file of its factors.
    """

    calls: ClassVar[tuple[str, ...]] = ("deltas", "gram", "round_into", "linear_algebra")
    remedy: ClassVar[str] = "leave the tensor out with --exclude"
    terms: tuple[tuple[Form, Coefficient], ...]
    rule: RankRule
    layout: PeftLayout
    device: str
    files: Mapping[str, Path]

    def whole(self, tensor: AlignedTensor, writers: Sequence[TensorSink], threads: int) -> Arrays:  # noqa: ARG002
        """Write the factors of one matrix."""
        found = self._truncated(tensor)
        factors = self.layout.factors(tensor.located[0].info, found) if found.rank else {}
        write_factors(self.files[tensor.name], factors)
        return (np.array([found.rank, found.energy, found.lost]),)

    def unit_bytes(self, tensor: AlignedTensor) -> int:
        """Return the most that is held for one matrix."""
        if is_factored(tensor, self._forms):
            return recompressing_bytes(tensor, self._forms)
        shape = matrix_shape(tensor)
        rank = self.rule.most(min(shape))
        copies, factors = 3 * _SINGLE * tensor.num_params, 3 * _DOUBLE * sum(shape) * rank
        return base_bytes(tensor) + copies + factors + search_bytes(shape, rank) + 3 * WIDENED_BYTES

    def read_bytes(self, tensor: AlignedTensor, count: int) -> int:
        """Count whole tensors, or factors alone."""
        if is_factored(tensor, self._forms):
            return factor_bytes(tensor, num_columns(tensor, self._forms))
        return tensor.read_bytes(count)

    def written_bytes(self, tensor: AlignedTensor, count: int, writers: int) -> int:  # noqa: ARG002
        """Return what factors of the rank take; nothing where that is not known."""
        return factor_bytes(tensor, 0 if self.rule.rank is None else self.rule.most(min(matrix_shape(tensor))))

    def parameters(self) -> bytes:
        """Return what is added up and how it is cut."""
        terms = [(form.identity, repr(weight)) for form, weight in self.terms]
        return repr((terms, self.rule, self.layout, self.device)).encode()

    @property
    def _forms(self) -> tuple[Form, ...]:
        return tuple(form for form, _ in self.terms)

    def _truncated(self, tensor: AlignedTensor) -> Truncated:
        weights = [coefficient_at(weight, tensor.name) for _, weight in self.terms]
        if is_factored(tensor, self._forms):
            return recompressed(tensor, self._forms, weights, self.rule)
        reader = MatrixReader(tensor, [form.is_centered for form in self._forms])
        total = np.zeros(reader.shape, np.float32)
        for task, weight in enumerate(weights):
            delta = reader.finite_delta(task)
            delta *= np.float32(weight)
            total += delta
            del delta
        return truncated_matrix(total, self.rule, tensor.name, self.device)


def recompressed(tensor: AlignedTensor, forms: Sequence[Form], weights: Sequence[float], rule: RankRule) -> Truncated:
    """Return Σ weight · delta of forms that are all low-rank in a tensor, at a lower rank.

    Args:
        tensor: The tensor.
        forms: The forms.
        weights: The weight of each.
        rule: How many directions are kept.

    Returns:
        The nearest matrix of that rank.
    """
    products = [
        (w, product) for w, form in zip(weights, forms, strict=True) for product in factors_of(form, tensor.name)
    ]
    if products:
        return truncated_products(products, rule)
    rows, columns = matrix_shape(tensor)
    return Truncated(np.zeros((rows, 0)), np.zeros((0, columns)), 0.0, 0.0)


def recompressing_bytes(tensor: AlignedTensor, forms: Sequence[Form]) -> int:
    """Return the most that :func:`recompressed` holds."""
    columns = num_columns(tensor, forms)
    return 5 * _DOUBLE * sum(matrix_shape(tensor)) * columns + 4 * _DOUBLE * columns**2


def factor_bytes(tensor: AlignedTensor, rank: int, itemsize: int = _SINGLE) -> int:
    """Return the bytes of two factors of one tensor."""
    return itemsize * rank * sum(matrix_shape(tensor))
