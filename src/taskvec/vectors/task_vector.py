"""A task vector is a value: a linear combination of forms over one base, evaluated when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.errors import AlignmentError
from taskvec.streaming import RunOptions, Steps, run_steps
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.coefficients import Coefficient, coefficient_at
from taskvec.vectors.forms import Form, Source
from taskvec.vectors.inner_products import MissingProducts
from taskvec.vectors.saved_vectors import content_of, form_of

if TYPE_CHECKING:
    from taskvec.vectors.edited import Edited

Ref = str | os.PathLike[str]


class TaskVector:
    """τ = θ_finetuned − θ_base, and every linear combination of such differences.

    A task vector that taskvec wrote is taken as it is, for its own base.

    Arithmetic (``+``, ``-``, ``*`` and ``/`` by a number) costs nothing: it changes coefficients. ``norm``, ``dot`` and
    ``cosine`` read each source once; ``apply_to(...).save(...)`` reads each source once and writes once.

    Attributes:
        base: The base model and its identity.
        terms: Coefficient of each form; the vector is Σ coefficient · form.
        allow: The rules that its alignment may use.
    """

    def __init__(self, base: Ref | Checkpoint, finetuned: Ref | Checkpoint, *, allow: Collection[Rule] = ()) -> None:
        base_source = Source.of(_opened(base))
        form = form_of(_opened(finetuned), base_source, RunOptions())
        align(base_source.checkpoint, [form], allow)
        self.base: Source = base_source
        self.terms: Mapping[Form, Coefficient] = {form: 1.0}
        self.allow: frozenset[Rule] = frozenset(allow)

    @classmethod
    def from_terms(cls, base: Source, terms: Mapping[Form, Coefficient], allow: Collection[Rule] = ()) -> TaskVector:
        """Make the vector Σ terms[form] · form over the given base."""
        vector = cls.__new__(cls)
        vector.base = base
        vector.terms = dict(terms)
        vector.allow = frozenset(allow)
        return vector

    def __repr__(self) -> str:
        parts = " + ".join(f"{coefficient:g}·({form.source} − base)" for form, coefficient in self.terms.items())
        return f"<TaskVector {parts or '0'}; base {self.base}>"

    def __add__(self, other: TaskVector) -> TaskVector:
        if not isinstance(other, TaskVector):
            return NotImplemented
        check_same_base([self, other])
        terms = summed([*self.terms.items(), *other.terms.items()])
        return TaskVector.from_terms(self.base, terms, self.allow | other.allow)

    def __mul__(self, scaling: float) -> TaskVector:
        if not isinstance(scaling, int | float | np.floating | np.integer):
            return NotImplemented
        terms = {form: coefficient * float(scaling) for form, coefficient in self.terms.items()}
        return TaskVector.from_terms(self.base, terms, self.allow)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> TaskVector:
        return self * (1.0 / divisor)

    def __neg__(self) -> TaskVector:
        return self * -1.0

    def __sub__(self, other: TaskVector) -> TaskVector:
        if not isinstance(other, TaskVector):
            return NotImplemented
        return self + -other

    def norm(self, options: RunOptions | None = None) -> float:
        """Return ‖τ‖₂ over all combinable tensors."""
        return float(np.sqrt(max(gram_matrix([self], options)[0, 0], 0.0)))

    def dot(self, other: TaskVector, options: RunOptions | None = None) -> float:
        """Return ⟨τ, other⟩."""
        return float(gram_matrix([self, other], options)[0, 1])

    def cosine(self, other: TaskVector, options: RunOptions | None = None) -> float:
        """Return ⟨τ, other⟩ / (‖τ‖ ‖other‖); NaN where one of them is zero."""
        gram = gram_matrix([self, other], options)
        with np.errstate(invalid="ignore"):
            return float(gram[0, 1] / np.sqrt(gram[0, 0] * gram[1, 1]))

    def apply_to(self, base: Ref | Checkpoint | None = None, scaling: float = 1.0) -> Edited:
        """Put the vector back: θ* = θ + scaling · τ, evaluated when it is saved or read.

        Args:
            base: The model θ to edit; the vector's own base if not given. Another model of the same shapes is allowed,
                as for carrying a skill from one base to its sibling.
            scaling: λ.

        Returns:
            The edited model, not yet computed.
        """
        from taskvec.vectors.edited import Edited

        target = self.base if base is None else Source.of(_opened(base))
        return Edited(self * scaling, target)


def combined(base: Source, weighted: Iterable[tuple[TaskVector, float]]) -> TaskVector:
    """Return Σ weight · vector over a base; of no vectors the zero vector."""
    total = TaskVector.from_terms(base, {})
    for vector, weight in weighted:
        total += weight * vector
    return total


def summed(pairs: Iterable[tuple[Form, Coefficient]]) -> dict[Form, Coefficient]:
    """Add up the coefficients of each form; equal content is one form, however often it occurs."""
    terms: dict[Form, Coefficient] = {}
    for form, coefficient in pairs:
        terms[form] = terms.get(form, 0.0) + coefficient
    return terms


def gram_matrix(vectors: Sequence[TaskVector], options: RunOptions | None = None) -> NDArray[np.float64]:
    """Return the inner products of T vectors of one base, float64 ``(T, T)``; every source is read once.

    Args:
        vectors: The T vectors.
        options: The limits.

    Returns:
        VᵀV.
    """
    total = np.zeros((len(vectors), len(vectors)))
    found = run_steps(combining_products(vectors, products_among(vectors)), options or RunOptions())
    for gram in found.values():
        total += gram
    return total


def products_among(vectors: Sequence[TaskVector]) -> MissingProducts:
    """Describe the inner products of all forms that T vectors of one base are made of, for running or for planning."""
    check_same_base(vectors)
    forms = tuple(dict.fromkeys(form for vector in vectors for form in vector.terms))
    allow = frozenset[Rule]().union(*(vector.allow for vector in vectors))
    return MissingProducts(align(vectors[0].base.checkpoint, forms, allow).combinable, forms, len(forms))


def combining_products(
    vectors: Sequence[TaskVector], products: MissingProducts
) -> Steps[dict[str, NDArray[np.float64]]]:
    """Take the inner products of T vectors in each tensor, from those of the forms that they are made of.

    Args:
        vectors: The T vectors.
        products: Of all forms with all, in the wanted tensors.

    Returns:
        Tensor → float64 ``(T, T)``.
    """
    found = {}
    for tensor, gram in (yield from products).items():
        mixing = [
            [coefficient_at(vector.terms.get(form, 0.0), tensor) for form in products.forms] for vector in vectors
        ]
        found[tensor] = np.array(mixing) @ gram @ np.transpose(mixing)
    return found


def check_same_base(vectors: Sequence[TaskVector]) -> None:
    """Refuse vectors of different bases; bases are compared by identity, and by content where that differs.

    Raises:
        AlignmentError: If two bases differ.
    """
    first = vectors[0].base
    for vector in vectors[1:]:
        if vector.base != first and content_of(vector.base, RunOptions()) != content_of(first, RunOptions()):
            raise AlignmentError(
                f"task vectors of different bases cannot be combined: {first} and {vector.base}; "
                "fine-tunes must start from the same base model"
            )


def _opened(ref: Ref | Checkpoint) -> Checkpoint:
    return ref if isinstance(ref, Checkpoint) else open_checkpoint(ref)
