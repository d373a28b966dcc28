"""What a compression would cost, from headers and what the store knows already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.atoms import atom_filename, atom_job, tensors_of_atoms
from taskvec.bases.design import Designer
from taskvec.bases.measured import atom_products
from taskvec.bases.request import Request
from taskvec.bases.writing import factored_atoms
from taskvec.checkpoints import CheckpointWriter, quantized_layout, zeros_like
from taskvec.numerics import load
from taskvec.streaming import Plan, PlannedPass, calls_of_reading, make_plan, plan_pass
from taskvec.vectors.alignment import Rule
from taskvec.vectors.forms import Dense, Form, Source

Matrix = NDArray[np.float64]


def load_all(request: Request) -> None:
    """Load the compiled kernels that all passes of a request call before the first of them is planned."""
    calls = ["gram", *calls_of_reading(request.alignment.tensors)]
    if request.ranks is not None:
        calls += ["round_into", "widen"]
    elif request.method.name != "random":
        calls.append("project")
    if request.is_quantized:
        calls += ["quantize", "dequantize"]
    load(calls)


def plan_request(request: Request, joining: Sequence[str] = ()) -> Plan:
    """Return what building as asked would cost, and projecting more tasks on the atoms.

    Where an error is given, the number of atoms follows from the Gram matrix: if the store does not know it yet, the
    plan is for the most atoms that there can be; if it does, for as many as do before rounding.

    Args:
        request: What is asked.
        joining: The names of the tasks to be projected.

    Returns:
        The plan.
    """
    load_all(request)
    store = request.store
    passes: list[PlannedPass] = list(store.plan_gram(request.tasks).passes)
    encoders = _encoders(request, is_gram_known=not passes)
    count = max((encoder.shape[1] for encoder in encoders.values()), default=0)
    output_bytes = 0
    if request.ranks is not None:
        atoms = factored_atoms(request, encoders)
        layouts = [(atoms.layout(index), atom_filename(index)) for index in range(atoms.count)]
        output_bytes = sum(CheckpointWriter.plan_bytes(infos, filename=name) for infos, name in layouts)
        writing = atoms.plan(store.options)
        passes += [writing, *_plan_joining(request, count, writing.written_bytes, joining)]
        return make_plan(passes, store.options, target=store.path, output_bytes=output_bytes)
    atom_bytes = 0
    if request.method.name != "random":
        job = atom_job(request.alignment.tensors, request.forms, encoders, store.options)
        passes.append(plan_pass(job.label, job.tensors, job.kernel, store.options, num_outputs=count))
        atom_bytes = passes[-1].written_bytes
        output_bytes = _file_bytes(request, encoders)
    if request.method.name == "random" or request.is_quantized:
        passes += _plan_measuring(request, count, atom_bytes, request.forms, request.allow)
    passes += _plan_joining(request, count, atom_bytes, joining)
    return make_plan(passes, store.options, target=store.path, output_bytes=output_bytes)


def _encoders(request: Request, *, is_gram_known: bool) -> Mapping[str, Matrix]:
    """Return an encoder of the right shape for every tensor that has atoms."""
    if request.num_atoms is None and is_gram_known:
        return next(Designer.of(request).designs()).encoders()
    count = len(request.tasks) - 1
    if request.num_atoms is not None:
        count = request.num_atoms + request.method.extra_atoms
    group_of, sizes = request.grouping.group_of, Counter[str]()
    for tensor in request.alignment.tensors:
        sizes[group_of(tensor.name)] += request.atom_bytes[tensor.name]
    encoder = np.zeros((len(request.tasks), count))
    return {tensor.name: encoder for tensor in request.alignment.tensors if sizes[group_of(tensor.name)]}


def _file_bytes(request: Request, encoders: Mapping[str, Matrix]) -> int:
    """Return the bytes of all files that are there at once: for int8, also those of the atoms before rounding."""
    total = 0
    for index, infos in enumerate(tensors_of_atoms(request.alignment.tensors, encoders)):
        total += CheckpointWriter.plan_bytes(infos, filename=atom_filename(index))
        if request.is_quantized:
            total += CheckpointWriter.plan_bytes(quantized_layout(infos), filename=atom_filename(index))
    return total


def _plan_joining(request: Request, count: int, atom_bytes: int, joining: Sequence[str]) -> Sequence[PlannedPass]:
    """Plan the passes of projections; where atoms are thin, vectors that are thin too need none."""
    store = request.store
    vectors = [store.documents.vector(name) for name in joining]
    read = [vector for vector in vectors if request.ranks is None or not vector.is_low_rank]
    if not read:
        return []
    allow = {Rule(rule.rule) for vector in read for rule in vector.rules}
    return _plan_measuring(request, count, atom_bytes, [store.form(vector) for vector in read], allow)


def _plan_measuring(
    request: Request, count: int, atom_bytes: int, forms: Sequence[Form], allow: Collection[Rule]
) -> Sequence[PlannedPass]:
    """Plan a pass over some vectors and atoms that are not there yet, of so many bytes as elements."""
    base, options = request.store.base.checkpoint, request.store.options
    stand_ins = [zeros_like(base.tensors.values()) for _ in range(count)]
    atoms = [Dense(Source(f"atom {m}", stand_in)) for m, stand_in in enumerate(stand_ins)]
    job = atom_products(base, atoms, forms, allow).job(options)
    planned = plan_pass(f"measure {count} atoms", job.tensors, job.kernel, options)
    return [replace(planned, read_bytes=planned.read_bytes + atom_bytes)]
