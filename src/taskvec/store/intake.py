"""How checkpoints enter a store: aligned, hashed and measured in one pass over them and their base."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint
from taskvec.errors import AlignmentError
from taskvec.streaming import Job, Journal, PlannedPass, RunOptions, plan_pass
from taskvec.vectors.alignment import Alignment, Rule, RuleUse, align, describe_changed_copy
from taskvec.vectors.fingerprints import Digests, digest_checkpoint, scan, scan_job, settings_digests
from taskvec.vectors.forms import Form, Source

Journals = Callable[[Job], Journal]
"""Opens the notes of a job; they are closed, and forgotten, by whoever gave this."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was learned of S forms on their way into a store.

    Attributes:
        digests: For each form, the digest of every tensor of its checkpoint.
        gram: For each combinable tensor, the inner products of the forms, float64 ``(S, S)``.
        uses: For each form, what rules did.
    """

    digests: tuple[Digests, ...]
    gram: Mapping[str, NDArray[np.float64]]
    uses: tuple[tuple[RuleUse, ...], ...]


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
    def of(cls, base: Source, forms: Mapping[str, Form], allow: Collection[Rule]) -> Intake:
        """Align.

        Args:
            base: The store's base.
            forms: Name → form.
            allow: Rules for tensors that do not match the base.

        Returns:
            The intake.
        """
        ordered = tuple(forms.values())
        return cls(tuple(forms), ordered, align(base.checkpoint, ordered, allow), frozenset(allow))

    @property
    def origins(self) -> tuple[Checkpoint, ...]:
        """The S checkpoints."""
        return tuple(form.source.checkpoint for form in self.forms)

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return what measuring would cost, without reading a weight."""
        job = self.job(options)
        return (plan_pass(job.label, job.tensors, job.kernel, options),)

    def job(self, options: RunOptions) -> Job:
        """Describe the pass, for planning."""
        centered = [form.is_centered for form in self.forms]
        return scan_job(f"hash and measure {', '.join(self.names)}", self.alignment.tensors, centered, options)

    def measure(self, base_digests: Digests, options: RunOptions, journals: Journals) -> Measured:
        """Read everything once.

        Args:
            base_digests: The base's digests.
            options: The limits.
            journals: Where to note what is finished.

        Returns:
            What was learned of each form.

        Raises:
            AlignmentError: If a tensor that is only copied differs from the base's.
        """
        job = self.job(options)
        result = scan(job, options, journals(job))
        uses = tuple(self._uses(s, digests, base_digests) for s, digests in enumerate(result.digests))
        own = tuple(
            _own_digests(form.source.checkpoint, digests, options)
            for digests, form in zip(result.digests, self.forms, strict=True)
        )
        return Measured(own, result.gram, uses)

    def _uses(self, index: int, digests: Digests, base_digests: Digests) -> tuple[RuleUse, ...]:
        changed = [
            tensor
            for tensor in self.alignment.tensors
            if not tensor.is_combinable and digests[tensor.sources[index].info.name] != base_digests[tensor.name]
        ]
        if changed and Rule.INTEGERS not in self.allow:
            raise AlignmentError(describe_changed_copy(changed[0].sources[index], changed[0].name))
        ref = self.forms[index].source.checkpoint.ref
        kept = [RuleUse(Rule.INTEGERS, ref, tuple(tensor.name for tensor in changed))] if changed else []
        return (*(use for use in self.alignment.uses if use.source == ref), *kept)


def _own_digests(checkpoint: Checkpoint, digests: Digests, options: RunOptions) -> Digests:
    """Leave out what a rule took from the base, and hash what a rule left out: fingerprints are of all content."""
    own = {name: digest for name, digest in digests.items() if name in checkpoint.tensors}
    own |= settings_digests(checkpoint)
    left_out = checkpoint.tensors.keys() - own.keys()
    return {**own, **digest_checkpoint(checkpoint, options, left_out)} if left_out else own


def total_gram(gram: Mapping[str, NDArray[np.float64]], size: int) -> NDArray[np.float64]:
    """Sum inner products over tensors, in their order; float64 ``(size, size)``."""
    total = np.zeros((size, size))
    for products in gram.values():
        total += products
    return total


def split(names: Sequence[str], size: int) -> Sequence[Sequence[str]]:
    """Cut names into batches of at most ``size``."""
    return [names[start : start + size] for start in range(0, len(names), size)]
