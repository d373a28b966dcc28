"""An edited model θ* = θ + Σ coefficient · form: computed when it is saved, in one pass over its sources."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec._version import __version__
from taskvec.checkpoints import CheckpointWriter, StagedOutput
from taskvec.checkpoints.pipeline_writer import writer_like
from taskvec.errors import AlignmentError, OutputError
from taskvec.streaming import (
    Job,
    Journal,
    Plan,
    PlannedPass,
    RunOptions,
    calls_of_reading,
    job_key,
    make_plan,
    plan_pass,
    run,
)
from taskvec.types import TensorInfo
from taskvec.vectors.alignment import Alignment, align
from taskvec.vectors.coefficients import CoefficientTable
from taskvec.vectors.combining import CombineKernel
from taskvec.vectors.forms import Dense, Form, Source
from taskvec.vectors.output import EditResult, OutputOptions
from taskvec.vectors.saved_vectors import METADATA_KEY, content_of
from taskvec.vectors.sidecars import write_sidecars
from taskvec.vectors.sinks import ArraySink, OnlySink
from taskvec.vectors.task_vector import Ref, TaskVector


class Edited:
    """θ + τ, lazily; with no target, the task vector τ itself as a dense checkpoint.

    Attributes:
        vector: τ.
        target: The model that is edited; None writes τ.
    """

    def __init__(self, vector: TaskVector, target: Source | None) -> None:
        self.vector = vector
        self.target = target
        terms = {form: coefficient for form, coefficient in vector.terms.items() if coefficient}
        if target is not None and target != vector.base:
            terms[Dense(target)] = 1.0
        self._forms: tuple[Form, ...] = tuple(terms)
        self._coefficients = CoefficientTable(tuple(terms.values()))
        self._base_coefficient = np.float32(target is not None and target == vector.base)

    def __repr__(self) -> str:
        return f"<Edited {self.target or 'no base'} with {self.vector}>"

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that computing it calls."""
        return ("combine", *calls_of_reading(self._aligned.tensors))

    def plan(self, out: Path, output: OutputOptions, options: RunOptions) -> Plan:
        """Return what saving would cost, without reading a weight.

        Raises:
            OutputError: If the target exists or has no room.
        """
        if os.path.lexists(out):
            raise OutputError(f"{out} exists already: choose another output or remove it")
        alignment = self._alignment(output)
        tensors = self._written(alignment)
        kernel = self._kernel(options)
        planned = plan_pass(self._label, alignment.tensors, kernel, options, num_outputs=1)
        num_bytes = CheckpointWriter.plan_bytes(tensors, shard_size=output.shard_size)
        return make_plan([planned], options, target=out, output_bytes=num_bytes)

    def save(
        self,
        out: Ref,
        output: OutputOptions | None = None,
        options: RunOptions | None = None,
        planned: PlannedPass | None = None,
    ) -> EditResult:
        """Compute and write the model in HF layout; the target appears whole or not at all.

        Args:
            out: The folder to make.
            output: Dtype, shards, record.
            options: The limits.
            planned: The pass, where :meth:`plan` has planned it already.

        Returns:
            What was written.

        Raises:
            OutputError: If the target exists or has no room.
            NonFiniteError: If a result is not finite.
        """
        target, output, options = Path(out), output or OutputOptions(), options or RunOptions()
        if planned is None:
            (planned,) = self.plan(target, output, options).passes
        alignment = self._alignment(output)
        job = Job(self._label, alignment.tensors, self._kernel(options))
        metadata = self._metadata(alignment, output, options)
        key = job_key(job, f"{output.shard_size} {metadata}")
        written = self._written(alignment)
        with StagedOutput(target, resume_key=key) as staged:
            writer = writer_like(
                self.target.checkpoint if self.target else None,
                staged.directory,
                written,
                shard_size=output.shard_size,
                metadata=metadata,
                resume=staged.is_resumed,
            )
            with writer, Journal(staged.journal_path, key) as journal:
                run(replace(job, writers=(OnlySink(writer, written),)), options, journal, planned)
            origin = self.target.checkpoint if self.target else None
            files = (*writer.files, *write_sidecars(staged.directory, origin, output.documents))
            staged.publish()
        edited, num_bytes = len(alignment.combinable), sum(info.nbytes for info in written)
        return EditResult(staged.target, files, edited, len(written) - edited, num_bytes, _rules(alignment))

    def read(self, name: str, options: RunOptions | None = None) -> NDArray[Any]:
        """Compute one tensor, widened to float32 after the same single rounding as in the file.

        A tensor that arithmetic does not apply to comes as the raw bits that are copied.

        Args:
            name: A tensor of the base.
            options: The limits.

        Returns:
            The edited tensor, shaped.

        Raises:
            AlignmentError: If the base has no such tensor.
        """
        sink = ArraySink()
        alignment = self._alignment(OutputOptions())
        tensors = tuple(tensor for tensor in alignment.tensors if tensor.name == name)
        if not tensors:
            raise AlignmentError(f"tensor {name} is not in the base {self.vector.base}")
        run(Job(self._label, tensors, self._kernel(options or RunOptions()), (sink,)), options or RunOptions())
        return sink.values(tensors[0])

    def deltas(self, options: RunOptions | None = None) -> Iterator[tuple[str, NDArray[Any]]]:
        """Compute every tensor that arithmetic applies to, one after another, as :meth:`read` does.

        Args:
            options: The limits.

        Yields:
            Name and values of a tensor, float32 and shaped.
        """
        limits = options or RunOptions()
        kernel = self._kernel(limits)
        for tensor in self._alignment(OutputOptions()).combinable:
            sink = ArraySink()
            run(Job(self._label, (tensor,), kernel, (sink,)), limits)
            yield tensor.name, sink.values(tensor)

    @property
    def _label(self) -> str:
        return f"combine {len(self._forms)} sources"

    def _alignment(self, output: OutputOptions) -> Alignment:
        return self._aligned.with_output(output.dtype)

    @cached_property
    def _aligned(self) -> Alignment:
        return align(self.vector.base.checkpoint, self._forms, self.vector.allow)

    def _kernel(self, options: RunOptions) -> CombineKernel:
        centered = np.array([form.is_centered for form in self._forms], np.bool_)
        return CombineKernel(options.device, centered, self._coefficients, self._base_coefficient, self.vector.allow)

    def _written(self, alignment: Alignment) -> list[TensorInfo]:
        tensors = alignment.tensors if self.target else alignment.combinable
        return [TensorInfo(t.name, t.output_dtype, t.shape) for t in tensors if t.output_dtype]

    def _metadata(self, alignment: Alignment, output: OutputOptions, options: RunOptions) -> dict[str, str]:
        base = self.vector.base
        record = {
            "version": __version__,
            "kind": "checkpoint" if self.target else "task_vector",
            "base": content_of(base, options) if base.is_hashed or not self.target else None,
            "rules": output.public_rules(_rules(alignment)),
            "allow": sorted(self.vector.allow),
            **output.record,
        }
        tied = self.target.checkpoint.tied if self.target else {}
        return {**tied, METADATA_KEY: json.dumps(record, ensure_ascii=False)}


def _rules(alignment: Alignment) -> tuple[Mapping[str, Any], ...]:
    return tuple(use.to_json() for use in alignment.uses)
