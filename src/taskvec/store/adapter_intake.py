"""How LoRA adapters enter a store: hashed as they are, measured by their factors, never multiplied out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.lora import Adapted
from taskvec.store.intake import Measured
from taskvec.streaming import NotesOf, Steps, in_turn
from taskvec.vectors.alignment import align
from taskvec.vectors.fingerprints import Digests, hashing
from taskvec.vectors.forms import Form, LowRank, Source
from taskvec.vectors.inner_products import MissingProducts


@dataclass(frozen=True)
class AdapterIntake:
    """Some adapters on their way into a store.

    Attributes:
        names: Their names there.
        forms: The S forms, not hashed yet.
        origins: The S adapters.
        base: The store's base.
    """

    names: tuple[str, ...]
    forms: tuple[Form, ...]
    origins: tuple[Checkpoint, ...]
    base: Source

    @classmethod
    def of(cls, base: Source, opened: Mapping[str, Checkpoint], forms: Mapping[str, Form]) -> AdapterIntake:
        """Gather what was opened.

        Args:
            base: The store's base.
            opened: Name → what was opened under it.
            forms: Name → form.

        Returns:
            The intake.
        """
        origins = (each.kind.adapter if isinstance(each.kind, Adapted) else each for each in opened.values())
        return cls(tuple(opened), tuple(forms[name] for name in opened), tuple(origins), base)

    def measuring(self, base_digests: Digests, notes: NotesOf) -> Steps[Measured]:  # noqa: ARG002
        """Read the factors; no notes are taken, for that is soon done.

        Args:
            base_digests: The base's digests.
            notes: Where a longer pass would note what is finished.

        Returns:
            What was learned of each form.
        """
        combinable = align(self.base.checkpoint, self.forms).combinable
        digests = yield from in_turn(map(hashing, self.origins))
        products = yield from MissingProducts(combinable, self.forms, len(self.forms))
        return Measured(digests, products, tuple(() for _ in self.forms))


def sorted_out(forms: Mapping[str, Form]) -> tuple[list[str], list[str]]:
    """Return the names of models and stored deltas, and those of adapters."""
    adapters = [name for name, form in forms.items() if isinstance(form, LowRank)]
    return [name for name in forms if name not in adapters], adapters
