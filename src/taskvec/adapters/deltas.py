"""One matrix of a task vector at a lower rank: from factors where there are only factors, else from the whole delta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from taskvec.checkpoints.products import Product
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.truncation import Truncated, truncated_matrix, truncated_products
from taskvec.streaming import AlignedTensor
from taskvec.vectors.coefficients import Coefficient, coefficient_at
from taskvec.vectors.factored_products import is_factored
from taskvec.vectors.forms import Form, LowRank
from taskvec.vectors.matrix import MatrixReader


def truncated_delta(
    tensor: AlignedTensor, forms: Sequence[Form], terms: Mapping[Form, Coefficient], rule: RankRule, device: str
) -> Truncated:
    """Return Σ coefficient · delta of one tensor at a lower rank.

    Args:
        tensor: The tensor, aligned over the forms.
        forms: The forms.
        terms: The coefficient of each.
        rule: How many directions are kept.
        device: Where to multiply.

    Returns:
        The nearest matrix of that rank.
    """
    weights = [coefficient_at(terms[form], tensor.name) for form in forms]
    if is_factored(tensor, forms):
        products = [(w, product) for w, form in zip(weights, forms, strict=True) for product in _products(form, tensor)]
        return truncated_products(products, rule) if products else _nothing(tensor)
    reader = MatrixReader(tensor, forms)
    total = np.zeros(reader.shape, np.float32)
    for task, weight in enumerate(weights):
        delta = reader.finite_delta(task)
        delta *= np.float32(weight)
        total += delta
        del delta
    return truncated_matrix(total, rule, tensor.name, device)


def _products(form: Form, tensor: AlignedTensor) -> tuple[Product, ...]:
    return (form.products(tensor.name) or ()) if isinstance(form, LowRank) else ()


def _nothing(tensor: AlignedTensor) -> Truncated:
    rows = tensor.shape[0]
    return Truncated(np.zeros((rows, 0)), np.zeros((0, tensor.num_params // rows)), 0.0, 0.0)
