"""Merges that are combinations of their vectors: coefficients from options, or from inner products in one pass."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import CompositionError
from taskvec.merging.inputs import MergeInputs
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.methods.settings import Settings
from taskvec.streaming import PlannedPass, RunOptions, calls_of_reading
from taskvec.vectors.alignment import align
from taskvec.vectors.coefficients import Coefficient, Deferred, PerTensor, coefficient_at
from taskvec.vectors.forms import Dense, Form
from taskvec.vectors.inner_products import MissingProducts
from taskvec.vectors.task_vector import TaskVector

Matrix = NDArray[np.float64]

_ROUNDING = 1e-12  # weights that add up to 1 but for rounding leave the base alone


class KnownProducts(Protocol):
    """Somebody who keeps inner products of forms per tensor, as a store does."""

    def knows(self, forms: Sequence[Form]) -> bool:
        """Say whether all products of some forms can be had."""
        ...

    def plan(self, forms: Sequence[Form]) -> tuple[PlannedPass, ...]:
        """Return what taking the missing ones costs."""
        ...

    def per_tensor(self, forms: Sequence[Form]) -> Mapping[str, Matrix]:
        """Return the products of each tensor."""
        ...


class CombinedVectors:
    """The way of a combination: the merge is Σ cₜ τₜ, plus (Σ cₜ − 1) θ₀ where whole models are combined."""

    def __init__(
        self,
        name: str,
        rule: Combination,
        settings: Settings,
        inputs: MergeInputs,
        options: RunOptions,
        known: KnownProducts | None = None,
    ) -> None:
        self.name = name
        self.rule = rule
        self.settings = settings
        self.inputs = inputs
        self._options = options
        self._known = known
        self._weights: Mapping[str, Doubles] | None = None
        self._lock = threading.Lock()

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that inner products call, where they are needed."""
        return () if self.rule.gram is None else ("gram", *calls_of_reading(self.inputs.alignment.combinable))

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return the pass of the inner products, where they are needed."""
        if self.rule.gram is None:
            return ()
        if self._kept is not None:
            return self._kept.plan(self.inputs.forms)
        return self._products.foresee(options).passes

    def prepare(self, options: RunOptions) -> None:
        """Take the inner products, unless they are known."""
        self.weights(options)

    def weights(self, options: RunOptions | None = None) -> Mapping[str, Doubles]:
        """Return the coefficients of the T vectors in every tensor; measured when they are first asked for."""
        with self._lock:
            if self._weights is None:
                self._weights = self._measured(options or self._options)
            return self._weights

    @property
    def vector(self) -> TaskVector:
        """A combination of the forms that the vectors are made of."""
        forms = list(self.inputs.forms)
        if self._has_base:
            forms = list(dict.fromkeys([*forms, self._base]))
        terms = {form: self._coefficient(form) for form in forms}
        return TaskVector.from_terms(self.inputs.base, terms, self.inputs.allow)

    @cached_property
    def _base(self) -> Form:
        return Dense(self.inputs.base)

    @cached_property
    def _has_base(self) -> bool:
        """Whether whole models are combined in any tensor, with coefficients that need not add up to 1."""
        if not self._is_of_points:
            return False
        tensors = self.inputs.alignment.combinable
        return self.rule.gram is not None or any(self._of_base(t.name, self.weights()[t.name]) for t in tensors)

    @cached_property
    def _is_of_points(self) -> bool:
        return any(self.rule.points(self.settings.at(tensor.name)) for tensor in self.inputs.alignment.combinable)

    @cached_property
    def _forms(self) -> tuple[Form, ...]:
        """The forms whose products are needed; of points, the base before all others."""
        if not self._is_of_points:
            return self.inputs.forms
        return (self._base, *(form for form in self.inputs.forms if form != self._base))

    @cached_property
    def _kept(self) -> KnownProducts | None:
        """What keeps the products of all these forms, if anything does."""
        return self._known if self._known is not None and self._known.knows(self._forms) else None

    @cached_property
    def _products(self) -> MissingProducts:
        tensors = align(self.inputs.base.checkpoint, self._forms, self.inputs.allow).combinable
        return MissingProducts(tensors, self._forms, len(self._forms))

    def _coefficient(self, form: Form) -> Coefficient:
        if self.rule.gram is None and not self.settings.varies:
            weights = next(iter(self.weights().values()), np.zeros(0))
            if all(isinstance(vector.terms.get(form, 0.0), int | float) for _, vector in self.inputs.vectors):
                return self._at(form, "", weights)
        if self.rule.gram is None:
            return self._per_tensor(form)
        return Deferred(f"{self.name} of {form.identity}", lambda: self._per_tensor(form))

    def _per_tensor(self, form: Form) -> PerTensor:
        return PerTensor({tensor: self._at(form, tensor, weights) for tensor, weights in self.weights().items()})

    def _at(self, form: Form, tensor: str, weights: Doubles) -> float:
        own = math.fsum(
            weight * coefficient_at(vector.terms.get(form, 0.0), tensor)
            for weight, (_, vector) in zip(weights.tolist(), self.inputs.vectors, strict=True)
        )
        return own + (self._of_base(tensor, weights) if form == self._base else 0.0)

    def _of_base(self, tensor: str, weights: Doubles) -> float:
        if not self.rule.points(self.settings.at(tensor)):
            return 0.0
        more = float(weights.sum()) - 1.0
        return more if abs(more) > _ROUNDING else 0.0

    def _measured(self, options: RunOptions) -> Mapping[str, Doubles]:
        names = [tensor.name for tensor in self.inputs.alignment.combinable]
        if self.rule.gram is None:
            return {name: self._chosen(None, name) for name in names}
        products = self._products.run(options) if self._kept is None else self._kept.per_tensor(self._forms)
        grams = {name: self._gram(products[name], name) for name in names}
        if names and self.rule.gram(self.settings.at(names[0])) == "model":
            total = sum(grams.values(), start=np.zeros(()))
            return dict.fromkeys(names, self._chosen(total, names[0]))
        return {name: self._chosen(grams[name], name) for name in names}

    def _gram(self, product: Matrix, tensor: str) -> Matrix:
        """Return the inner products of what is merged, from those of the base and the forms."""
        forms, vectors = self._forms, self.inputs.vectors
        mixing = np.array([[coefficient_at(v.terms.get(form, 0.0), tensor) for form in forms] for _, v in vectors])
        if self.rule.points(self.settings.at(tensor)):
            mixing[:, 0] += 1.0
        gram: Matrix = mixing @ product @ mixing.T
        return gram

    def _chosen(self, gram: Matrix | None, tensor: str) -> Doubles:
        try:
            return self.rule.coefficients(gram, self.settings.at(tensor))
        except CompositionError as error:
            raise CompositionError(f"tensor {tensor} of {self.name}: {error}") from error
