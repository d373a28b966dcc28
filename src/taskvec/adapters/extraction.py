"""From a task vector to an adapter: every matrix at the rank that was asked for, the rest accounted for.

What is finished is kept beside the output until all is, so that an interrupted run goes on from there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from taskvec._version import __version__
from taskvec.adapters.adapter_output import Joining, factors_path
from taskvec.adapters.peft_folder import PeftLayout
from taskvec.adapters.result import LoraMatrix, LoraResult
from taskvec.adapters.targets import Targets, has_transposed_layers, left_out
from taskvec.adapters.truncating import TruncateKernel
from taskvec.adapters.whole_tensors import WholeTensors, whole_tensors
from taskvec.checkpoints import StagedOutput
from taskvec.checkpoints.lora.opening import CONFIG, WEIGHTS
from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.numerics import load
from taskvec.streaming import (
    AlignedTensor,
    Arrays,
    Folder,
    Job,
    Reducing,
    RunOptions,
    Staged,
    Steps,
    plan_steps,
    run_steps,
)
from taskvec.types import DType, TensorInfo
from taskvec.vectors.alignment import align
from taskvec.vectors.forms import Form
from taskvec.vectors.inner_products import MissingProducts
from taskvec.vectors.matrix import matrix_shape
from taskvec.vectors.task_vector import Ref, TaskVector, combining_products


@dataclass(frozen=True)
class Extraction:
    """A task vector on its way to become an adapter.

    Attributes:
        vector: The task vector.
        rule: How many directions of each matrix are kept.
        targets: Which tensors.
        dtype: The dtype of the factors.
        options: The limits.
        record: What to write into the adapter's metadata beside our own facts.
        with_rest: Whether what no factors hold is written whole.
    """

    vector: TaskVector
    rule: RankRule
    targets: Targets = field(default_factory=Targets)
    dtype: DType = DType.F32
    options: RunOptions = field(default_factory=RunOptions)
    record: dict[str, Any] = field(default_factory=dict)
    with_rest: bool = False

    def save(self, out: Ref) -> LoraResult:
        """Compute and write; the folder appears whole or not at all.

        Args:
            out: The folder to make.

        Returns:
            What was written, and what it lost.
        """
        plan_steps(self.extracting(out), self.options)  # what does not fit is refused before anything is written
        return run_steps(self.extracting(out), self.options)

    def extracting(self, out: Ref) -> Steps[LoraResult]:
        """Take the steps of :meth:`save`.

        Args:
            out: The folder to make.

        Returns:
            What was written, and what it lost; of a plan, the largest ranks that there can be.
        """
        if self.with_rest:
            load(("widen", *self.vector.apply_to().calls))
        target = Path(out).absolute()

        def published(staged: StagedOutput, result: LoraResult) -> LoraResult:
            staged.publish()
            return result

        begun = partial(StagedOutput, target, resume_key=self._key)
        return (yield from Staged(target, begun, partial(self._within, target), published))

    def _within(self, target: Path, folder: Folder) -> Steps[LoraResult]:
        base = self.vector.base.checkpoint
        matrices = yield from self._cutting(folder)
        changed = yield from self._leaving_out()
        factored = [matrix.name for matrix in matrices if matrix.rank]
        whole = whole_tensors(base, changed, factored) if self.with_rest else WholeTensors()
        record = json.dumps(self._record, ensure_ascii=False)
        yield from Joining(folder.path, self._layout, matrices, self.dtype, record, self.vector.apply_to(), whole)
        kept = [base.tensors[name] for name in whole.names]
        num_factors = sum(m.rank * sum(matrix_shape(t)) for m, t in zip(matrices, self._tensors, strict=True))
        return LoraResult(
            target,
            (WEIGHTS, CONFIG),
            matrices,
            {name: energy for name, energy in changed.items() if name not in whole.names},
            num_factors + sum(info.num_params for info in kept),
            num_factors * self.dtype.itemsize + sum(info.nbytes for info in kept),
            tuple(whole.names),
        )

    @cached_property
    def _infos(self) -> list[TensorInfo]:
        return self.targets.of(self.vector.base.checkpoint)

    @cached_property
    def _forms(self) -> tuple[Form, ...]:
        return tuple(form for form, coefficient in self.vector.terms.items() if coefficient)

    @cached_property
    def _aligned(self) -> dict[str, AlignedTensor]:
        aligned = align(self.vector.base.checkpoint, self._forms, self.vector.allow).combinable
        return {tensor.name: tensor for tensor in aligned}

    @cached_property
    def _tensors(self) -> list[AlignedTensor]:
        return [self._aligned[info.name] for info in self._infos if info.name in self._aligned]

    def _job(self, folder: Path) -> Job:
        """Describe the pass that cuts all matrices."""
        files = {tensor.name: factors_path(folder, index) for index, tensor in enumerate(self._tensors)}
        terms = tuple((form, self.vector.terms[form]) for form in self._forms)
        kernel = TruncateKernel(terms, self.rule, self._layout, self.options.device, files)
        return Job(f"cut {len(self._tensors)} matrices to {self.rule}", self._tensors, kernel)

    @property
    def _layout(self) -> PeftLayout:
        return PeftLayout(has_transposed_layers(self.vector.base.checkpoint.tensors))

    @property
    def _rest(self) -> MissingProducts:
        names = left_out(self.vector.base.checkpoint, self._infos)
        return MissingProducts([self._aligned[name] for name in names], self._forms, len(self._forms))

    def _leaving_out(self) -> Steps[dict[str, float]]:
        """Measure the tensors that no factors hold; return those that change, or are not known not to."""
        energies = yield from combining_products([self.vector], self._rest)
        return {name: float(energy[0, 0]) for name, energy in energies.items() if not energy[0, 0] <= 0}

    @property
    def _record(self) -> dict[str, Any]:
        return {"version": __version__, "kind": "lora", "rule": str(self.rule), **self.record}

    @property
    def _key(self) -> str:
        terms = [(form.identity, repr(weight)) for form, weight in self.vector.terms.items()]
        said = [self.vector.base.identity, terms, repr(self.targets), self.dtype, self._record, self.options.device]
        said += ["with the rest"] if self.with_rest else []
        return blake3(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    def _cutting(self, folder: Folder) -> Steps[tuple[LoraMatrix, ...]]:
        """Write the factors of every matrix to a folder; what a killed run left there is taken up."""
        found = yield from Reducing(self._job(folder.path), self._unread, folder.notes)
        numbers = [(tensor.name, *found[tensor.name][0].tolist()) for tensor in self._tensors]
        return tuple(LoraMatrix(name, int(rank), energy, lost) for name, rank, energy, lost in numbers)

    def _unread(self, tensor: AlignedTensor) -> Arrays:
        return (np.array([self.rule.most(min(matrix_shape(tensor))), np.nan, np.nan]),)


def extract_lora(
    base: Ref,
    finetuned: Ref,
    out: Ref,
    *,
    rank: int | None = None,
    max_error: float | None = None,
    targets: Targets | None = None,
    dtype: DType = DType.F32,
    options: RunOptions | None = None,
    with_rest: bool = False,
) -> LoraResult:
    """Write the difference of two models as a LoRA adapter that PEFT loads.

    Args:
        base: The base model.
        finetuned: The fine-tuned model.
        out: The folder to make.
        rank: Keep this many directions of each matrix; or
        max_error: as few as keep each matrix's relative error at most this.
        targets: Which tensors; all weights of layers, and no embeddings, if not given.
        dtype: The dtype of the factors.
        options: The limits.
        with_rest: Write whole what no factors hold: biases, and modules such as norms.

    Returns:
        What was written, and what it lost.
    """
    vector = TaskVector(base, finetuned)
    rule = lora_rule(rank, max_error)
    limits = options or RunOptions()
    return Extraction(vector, rule, targets or Targets(), dtype, limits, with_rest=with_rest).save(out)


def lora_rule(rank: int | None, max_error: float | None) -> RankRule:
    """Return the rule that a rank or an allowed relative error E stands for: a share of 1 − E² of the energy.

    Args:
        rank: The rank; or
        max_error: the error.

    Returns:
        The rule.

    Raises:
        DecompositionError: If not exactly one is given, or it is out of range.
    """
    if (rank is None) == (max_error is None):
        raise DecompositionError("an adapter needs a rank: give --rank R or --max-error E, one of them")
    if max_error is not None and not 1e-7 <= max_error < 1:
        raise DecompositionError(f"an error of {max_error:g} is out of range: use between 1e-7 and 1, such as 0.1")
    return RankRule(rank=rank) if max_error is None else RankRule(energy=1 - max_error**2)
