"""How checkpoints enter a store: aligned, hashed and measured in one pass over them and their base."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint
from taskvec.errors import AlignmentError
from taskvec.streaming import NotesOf, Steps, in_turn
from taskvec.vectors.alignment import Alignment, Rule, RuleUse, align, describe_changed_copy
from taskvec.vectors.fingerprints import Digests, Scanning, differs, hashing, settings_digests
from taskvec.vectors.forms import Form, Source


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

    def measuring(self, base_digests: Digests, notes: NotesOf) -> Steps[Measured]:
        """Read everything once.

        Args:
            base_digests: The base's digests.
            notes: Where to note what is finished; closed, and forgotten, by whoever gave this.

        Returns:
            What was learned of each form.

        Raises:
            AlignmentError: If a tensor that is only copied differs from the base's.
        """
        label, centered = f"hash and measure {', '.join(self.names)}", [form.is_centered for form in self.forms]
        scan = yield from Scanning(label, self.alignment.tensors, centered, notes)
        uses = tuple(self._uses(s, digests, base_digests) for s, digests in enumerate(scan.digests))
        own = yield from in_turn(map(_own_digests, self.origins, scan.digests))
        return Measured(own, scan.gram, uses)

    def _uses(self, index: int, digests: Digests, base_digests: Digests) -> tuple[RuleUse, ...]:
        changed = [
            tensor
            for tensor in self.alignment.tensors
            if not tensor.is_combinable and differs(digests[tensor.sources[index].info.name], base_digests[tensor.name])
        ]
        if changed and Rule.INTEGERS not in self.allow:
            raise AlignmentError(describe_changed_copy(changed[0].sources[index], changed[0].name))
        ref = self.forms[index].source.checkpoint.ref
        kept = [RuleUse(Rule.INTEGERS, ref, tuple(tensor.name for tensor in changed))] if changed else []
        return (*(use for use in self.alignment.uses if use.source == ref), *kept)


def _own_digests(checkpoint: Checkpoint, digests: Digests) -> Steps[Digests]:
    """Leave out what a rule took from the base, and hash what a rule left out: fingerprints are of all content."""
    own = {name: digest for name, digest in digests.items() if name in checkpoint.tensors}
    own |= settings_digests(checkpoint)
    left_out = checkpoint.tensors.keys() - own.keys()
    return {**own, **(yield from hashing(checkpoint, left_out))} if left_out else own


def total_gram(gram: Mapping[str, NDArray[np.float64]], size: int) -> NDArray[np.float64]:
    """Sum inner products over tensors, in their order; float64 ``(size, size)``."""
    total = np.zeros((size, size))
    for products in gram.values():
        total += products
    return total


def split(names: Sequence[str], size: int) -> Sequence[Sequence[str]]:
    """Cut names into batches of at most ``size``."""
    return [names[start : start + size] for start in range(0, len(names), size)]
