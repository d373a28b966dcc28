"""How checkpoints enter a store: aligned, hashed and measured in one pass over them and their base."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import open_checkpoint
from taskvec.errors import AlignmentError
from taskvec.streaming import Job, Journal, RunOptions
from taskvec.vectors.alignment import Alignment, Rule, RuleUse, align, describe_changed_copy
from taskvec.vectors.fingerprints import Digests, Scan, scan, scan_job
from taskvec.vectors.forms import Form, Source
from taskvec.vectors.saved_vectors import form_of
from taskvec.vectors.task_vector import Ref


@dataclass(frozen=True)
class Intake:
    """Some forms on their way into a store.

    Attributes:
        names: Their names there.
        forms: The S forms, not hashed yet.
        alignment: Their tensors beside the base's.
        allow: The rules that were allowed.
    """

    names: tuple[str, ...]
    forms: tuple[Form, ...]
    alignment: Alignment
    allow: frozenset[Rule]

    @classmethod
    def of(cls, base: Source, refs: Mapping[str, Ref], allow: Collection[Rule], options: RunOptions) -> Intake:
        """Open and align.

        Args:
            base: The store's base.
            refs: Name → reference.
            allow: Rules for tensors that do not match the base.
            options: The limits.

        Returns:
            The intake.
        """
        forms = tuple(form_of(open_checkpoint(ref), base, options) for ref in refs.values())
        return cls(tuple(refs), forms, align(base.checkpoint, forms, allow), frozenset(allow))

    def job(self, options: RunOptions) -> Job:
        """Describe the pass, for planning."""
        centered = [form.is_centered for form in self.forms]
        return scan_job(f"hash and measure {', '.join(self.names)}", self.alignment.tensors, centered, options)

    def scan(self, base_digests: Digests, options: RunOptions, journal: Journal) -> Scan:
        """Read everything once.

        Args:
            base_digests: The base's digests.
            options: The limits.
            journal: Where to note what is finished.

        Returns:
            Digests of each form's own tensors, and the inner products of the forms.

        Raises:
            AlignmentError: If a tensor that is only copied differs from the base's.
        """
        result = scan(self.job(options), options, journal)
        if Rule.INTEGERS not in self.allow:
            self._check_copied(result, base_digests)
        own = tuple(
            {name: digest for name, digest in digests.items() if name in form.source.checkpoint.tensors}
            for digests, form in zip(result.digests, self.forms, strict=True)
        )
        return Scan(own, result.gram)

    def uses_of(self, form: Form) -> list[RuleUse]:
        """Return the rules that the alignment of one form used."""
        return [use for use in self.alignment.uses if use.source == form.source.checkpoint.ref]

    def _check_copied(self, result: Scan, base_digests: Digests) -> None:
        for tensor in self.alignment.tensors:
            if tensor.is_combinable:
                continue
            for digests, located in zip(result.digests, tensor.sources, strict=True):
                if digests[located.info.name] != base_digests[tensor.name]:
                    raise AlignmentError(describe_changed_copy(located, tensor.name))


def total_gram(gram: Mapping[str, NDArray[np.float64]], size: int) -> NDArray[np.float64]:
    """Sum inner products over tensors, in their order; float64 ``(size, size)``."""
    total = np.zeros((size, size))
    for products in gram.values():
        total += products
    return total


def split(refs: Mapping[str, Ref], size: int) -> Sequence[Mapping[str, Ref]]:
    """Cut references into batches of at most ``size``."""
    items = list(refs.items())
    return [dict(items[start : start + size]) for start in range(0, len(items), size)]
