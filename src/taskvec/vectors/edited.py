"""An edited model θ* = θ + Σ coefficient · form: computed when it is saved, in one pass over its sources."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec._version import __version__
from taskvec.checkpoints import CheckpointWriter, StagedOutput
from taskvec.errors import AlignmentError, NonFiniteError, OutputError
from taskvec.numerics import Backend, backend_for
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.kernels import TILE
from taskvec.numerics.rounding import widen
from taskvec.streaming import (
    AlignedTensor,
    Chunk,
    Job,
    Journal,
    Kernel,
    Plan,
    RunOptions,
    job_key,
    make_plan,
    plan_pass,
    run,
)
from taskvec.types import DType, TensorInfo
from taskvec.vectors.alignment import Alignment, Rule, align, describe_changed_copy
from taskvec.vectors.coefficients import CoefficientTable
from taskvec.vectors.forms import Dense, Form, Source
from taskvec.vectors.saved_vectors import METADATA_KEY, content_of
from taskvec.vectors.task_vector import Ref, TaskVector


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How an output is written.

    Attributes:
        dtype: The dtype of all combinable tensors; each keeps the base's own if not given.
        shard_size: Bytes in a file at most; one file if not given.
        record: What to write into the output's metadata beside our own facts.
    """

    dtype: DType | None = None
    shard_size: int | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EditResult:
    """What was written.

    Attributes:
        out: The folder.
        files: The files in it, weights first.
        edited: Number of tensors that were computed.
        copied: Number of tensors that were copied from the base.
        num_bytes: Bytes of all tensors.
        rules: The rules that were used, as plain data.
        certificate: The errors, where the vectors came from a basis.
    """

    out: Path
    files: tuple[str, ...]
    edited: int
    copied: int
    num_bytes: int
    rules: tuple[Mapping[str, Any], ...] = ()
    certificate: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as the command line prints it."""
        tensors = {"edited": self.edited, "copied": self.copied}
        result = {"out": str(self.out), "files": list(self.files), "tensors": tensors, "bytes": self.num_bytes}
        extra = {"rules": list(self.rules), "certificate": self.certificate}
        return {**result, **{key: value for key, value in extra.items() if value}}


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

    def plan(self, out: Path, output: OutputOptions, options: RunOptions) -> Plan:
        """Return what saving would cost, without reading a weight."""
        alignment = self._alignment(output)
        tensors = self._written(alignment)
        kernel = self._kernel(options)
        planned = plan_pass(self._label, alignment.tensors, kernel, options, num_outputs=1)
        num_bytes = CheckpointWriter.plan_bytes(tensors, shard_size=output.shard_size)
        return make_plan([planned], options, target=out, output_bytes=num_bytes)

    def save(self, out: Ref, output: OutputOptions | None = None, options: RunOptions | None = None) -> EditResult:
        """Compute and write the model in HF layout; the target appears whole or not at all.

        Args:
            out: The folder to make.
            output: Dtype, shards, record.
            options: The limits.

        Returns:
            What was written.

        Raises:
            OutputError: If the target exists or has no room.
            NonFiniteError: If a result is not finite.
        """
        target, output, options = Path(out), output or OutputOptions(), options or RunOptions()
        if target.exists():
            raise OutputError(f"{target} exists already: choose another output or remove it")
        self.plan(target, output, options)
        alignment = self._alignment(output)
        job = Job(self._label, alignment.tensors, self._kernel(options))
        metadata = self._metadata(alignment, output, options)
        key = job_key(job, f"{output.shard_size} {metadata}")
        with StagedOutput(target, resume_key=key) as staged:
            result = self._write(staged, job, key, alignment, output.shard_size, metadata, options)
            staged.publish()
        return result

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
        sink = _ArraySink()
        alignment = self._alignment(OutputOptions())
        tensors = tuple(tensor for tensor in alignment.tensors if tensor.name == name)
        if not tensors:
            raise AlignmentError(f"tensor {name} is not in the base {self.vector.base}")
        run(Job(self._label, tensors, self._kernel(options or RunOptions()), (sink,)), options or RunOptions())
        return sink.values(tensors[0])

    @property
    def _label(self) -> str:
        return f"combine {len(self._forms)} sources"

    def _alignment(self, output: OutputOptions) -> Alignment:
        return align(self.vector.base.checkpoint, self._forms, self.vector.allow).with_output(output.dtype)

    def _kernel(self, options: RunOptions) -> CombineKernel:
        centered = np.array([form.is_centered for form in self._forms], np.bool_)
        backend = backend_for(options.device)
        return CombineKernel(backend, centered, self._coefficients, self._base_coefficient, self.vector.allow)

    def _written(self, alignment: Alignment) -> list[TensorInfo]:
        tensors = alignment.tensors if self.target else alignment.combinable
        return [TensorInfo(t.name, t.output_dtype, t.shape) for t in tensors if t.output_dtype]

    def _write(
        self,
        staged: StagedOutput,
        job: Job,
        key: str,
        alignment: Alignment,
        shard_size: int | None,
        metadata: Mapping[str, str],
        options: RunOptions,
    ) -> EditResult:
        written = self._written(alignment)
        with (
            CheckpointWriter(
                staged.directory, written, shard_size=shard_size, metadata=metadata, resume=staged.is_resumed
            ) as writer,
            Journal(staged.journal_path, key) as journal,
        ):
            run(replace(job, writers=(OnlySink(writer, written),)), options, journal)
        carried = self._carry_sidecars(staged.directory)
        edited = len(alignment.combinable)
        num_bytes = sum(info.nbytes for info in written)
        files = (*writer.files, *carried)
        return EditResult(staged.target, files, edited, len(written) - edited, num_bytes, _rules(alignment))

    def _metadata(self, alignment: Alignment, output: OutputOptions, options: RunOptions) -> dict[str, str]:
        base = self.vector.base
        record = {
            "version": __version__,
            "kind": "checkpoint" if self.target else "task_vector",
            "base": content_of(base, options) if base.is_hashed or not self.target else None,
            "rules": _rules(alignment),
            "allow": sorted(self.vector.allow),
            **output.record,
        }
        tied = self.target.checkpoint.tied if self.target else {}
        return {**tied, METADATA_KEY: json.dumps(record, ensure_ascii=False)}

    def _carry_sidecars(self, directory: Path) -> tuple[str, ...]:
        if self.target is None:
            return ()
        origin = self.target.checkpoint
        for relative in origin.sidecars:
            destination = directory / relative
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin.path / relative, destination)
        return tuple(str(relative) for relative in origin.sidecars)


def _rules(alignment: Alignment) -> tuple[Mapping[str, Any], ...]:
    return tuple({"rule": use.rule, "source": use.source, "tensors": list(use.tensors)} for use in alignment.uses)


class CombineKernel(Kernel):
    """θ + Σ coefficient · delta where arithmetic applies; elsewhere the base's bytes, which all sources must share."""

    def __init__(
        self,
        backend: Backend,
        centered: NDArray[np.bool_],
        coefficients: CoefficientTable,
        base_coefficient: np.float32,
        allow: frozenset[Rule],
    ) -> None:
        self._backend = backend
        self._centered = centered
        self._coefficients = coefficients
        self._base_coefficient = base_coefficient
        self._allow = allow

    def process(self, chunk: Chunk, state: None) -> None:  # noqa: ARG002
        """Compute one chunk."""
        if chunk.tensor.is_combinable:
            self._combine(chunk)
        else:
            self._copy(chunk)

    def _combine(self, chunk: Chunk) -> None:
        tensor = chunk.tensor
        is_finite = self._backend.combine(
            chunk.base, tensor.base_code, chunk.raw, tensor.codes, self._centered, chunk.count,
            self._coefficients.row(tensor.name), self._base_coefficient, dtype_code(tensor.output_dtype),
            chunk.outputs[0],
        )  # fmt: skip
        if not is_finite and Rule.NON_FINITE not in self._allow:
            raise NonFiniteError(_describe_non_finite(chunk))

    def _copy(self, chunk: Chunk) -> None:
        tensor = chunk.tensor
        size = chunk.count * tensor.located[0].info.dtype.itemsize
        chunk.outputs[0, :size] = chunk.base[:size]
        if Rule.INTEGERS in self._allow:
            return
        for located, row in zip(tensor.sources, chunk.raw, strict=True):
            if not np.array_equal(row[:size], chunk.base[:size]):
                raise AlignmentError(describe_changed_copy(located, tensor.name))

    def parameters(self) -> bytes:
        """Return coefficients and rules."""
        numbers = (self._centered.tobytes(), self._coefficients.tobytes(), self._base_coefficient.tobytes())
        return b"\0".join([*numbers, ",".join(sorted(self._allow)).encode()])

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes of the kernel's tiles."""
        return 3 * 4 * TILE + 4 * num_sources


def _describe_non_finite(chunk: Chunk) -> str:
    tensor = chunk.tensor
    rows = [chunk.base, *chunk.raw] if tensor.base else list(chunk.raw)
    for located, row in zip(tensor.located, rows, strict=True):
        values = np.empty(chunk.count, np.float32)
        widen(row, dtype_code(located.info.dtype), 0, chunk.count, values)
        if not np.isfinite(values).all():
            return (
                f"tensor {tensor.name} of {located.checkpoint.ref} holds NaN or infinity: the checkpoint is broken, "
                f"fetch it again, or pass --allow {Rule.NON_FINITE}"
            )
    return (
        f"tensor {tensor.name}: the result overflows {tensor.output_dtype}: use smaller coefficients or a wider --dtype"
    )


class OnlySink:
    """Passes on the tensors that one file is to hold and drops the rest of a pass."""

    def __init__(self, writer: CheckpointWriter, written: list[TensorInfo]) -> None:
        self._writer = writer
        self._names = frozenset(info.name for info in written)

    def write(self, name: str, start: int, data: NDArray[Any]) -> None:
        """Take elements of a tensor."""
        if name in self._names:
            self._writer.write(name, start, data)

    def skip(self, name: str, count: int) -> None:
        """Know that elements were written by an earlier run."""
        if name in self._names:
            self._writer.skip(name, count)

    def sync(self) -> None:
        """Bring what was written to the disk."""
        self._writer.sync()


class _ArraySink:
    """Keeps what is written in memory."""

    def __init__(self) -> None:
        self._parts: dict[int, NDArray[Any]] = {}

    def write(self, name: str, start: int, data: NDArray[Any]) -> None:  # noqa: ARG002
        self._parts[start] = data.copy()

    def skip(self, name: str, count: int) -> None:
        pass

    def sync(self) -> None:
        pass

    def values(self, tensor: AlignedTensor) -> NDArray[Any]:
        parts = [self._parts[start] for start in sorted(self._parts)]
        raw = np.concatenate(parts).view(np.uint8) if parts else np.empty(0, np.uint8)
        if not tensor.is_combinable:
            return raw.view(tensor.located[0].info.dtype.storage).reshape(tensor.shape)
        values = np.empty(tensor.num_params, np.float32)
        widen(raw, dtype_code(tensor.output_dtype), 0, tensor.num_params, values)
        return values.reshape(tensor.shape)
