"""How LoRA adapters enter a store: hashed as they are, measured by their factors, never multiplied out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.lora import AdaptedCheckpoint
from taskvec.store.intake import Journals, Measured
from taskvec.streaming import PlannedPass, RunOptions, plan_pass
from taskvec.vectors.alignment import Alignment, align
from taskvec.vectors.fingerprints import digest_checkpoint, digest_job
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
        origins = (each.adapter if isinstance(each, AdaptedCheckpoint) else each for each in opened.values())
        return cls(tuple(opened), tuple(forms[name] for name in opened), tuple(origins), base)

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return what measuring would cost, without reading a weight."""
        jobs = [digest_job(origin, options) for origin in self.origins]
        hashing = tuple(plan_pass(job.label, job.tensors, job.kernel, options) for job in jobs)
        return (*hashing, *self._products.plan(options))

    def measure(self, base_digests: Mapping[str, str], options: RunOptions, journals: Journals) -> Measured:  # noqa: ARG002
        """Read the factors; no notes are taken, for that is soon done.

        Args:
            base_digests: The base's digests.
            options: The limits.
            journals: Where a longer pass would note what is finished.

        Returns:
            What was learned of each form.
        """
        digests = tuple(digest_checkpoint(origin, options) for origin in self.origins)
        return Measured(digests, self._products.compute(options), tuple(() for _ in self.forms))

    @cached_property
    def _alignment(self) -> Alignment:
        return align(self.base.checkpoint, self.forms)

    @property
    def _products(self) -> MissingProducts:
        return MissingProducts(self._alignment.combinable, self.forms, len(self.forms))


def sorted_out(forms: Mapping[str, Form]) -> tuple[list[str], list[str]]:
    """Return the names of models and stored deltas, and those of adapters."""
    adapters = [name for name, form in forms.items() if isinstance(form, LowRank)]
    return [name for name in forms if name not in adapters], adapters
