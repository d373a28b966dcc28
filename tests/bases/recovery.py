"""What a basis really recovers: its files, read by numpy alone, times its coefficients, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

import oracles
from taskvec import Basis
from taskvec.checkpoints import random_checkpoint
from taskvec.testing.families import Family

Dense = NDArray[np.float64]
Tensors = dict[str, Dense]


def tensors_of_atoms(basis: Basis) -> list[Tensors]:
    """Every atom's tensors as they lie on disk."""
    random = basis.document.random
    if random is not None:
        infos = [i for i in basis.store.base.checkpoint.tensors.values() if i.dtype.is_combinable]
        atoms = [random_checkpoint(infos, random.seed, index) for index in range(random.count)]
        return [{info.name: atom.read(info.name).astype(np.float64) for info in infos} for atom in atoms]
    paths = [basis.store.path / atom.path for atom in basis.document.atoms]
    if not basis.document.is_quantized:
        return [{name: array.astype(np.float64) for name, array in oracles.load(path).items()} for path in paths]
    return [_dequantized(load_file(path)) for path in paths]


def _dequantized(stored: dict[str, NDArray[np.generic]]) -> Tensors:
    values = {}
    for name, array in stored.items():
        if array.dtype == np.int8:
            scales = stored[f"{name}.row_scale"].astype(np.float64)
            values[name] = array.astype(np.float64) * scales.reshape(-1, *[1] * (array.ndim - 1))
        elif not name.endswith(".row_scale"):
            values[name] = array.astype(np.float64)
    return values


def recovered_tensors(basis: Basis, family: Family) -> dict[str, Tensors]:
    """Tensor → task → recovered delta."""
    atoms = tensors_of_atoms(basis)
    result: dict[str, Tensors] = {}
    for group in basis.groups:
        for tensor in group.tensors:
            result[tensor] = {
                task: sum(
                    (group.decoder[k, t] * atoms[k][tensor] for k in range(len(group.decoder))),
                    np.zeros(family.base[tensor].shape),
                )
                for t, task in enumerate(basis.tasks)
            }
    return result


def recovered_matrix(basis: Basis, family: Family) -> Dense:
    """V̂, ``(P, T)``."""
    tensors = recovered_tensors(basis, family)
    names = oracles.combinable(family.base)
    return np.column_stack(
        [np.concatenate([tensors[name][task].reshape(-1) for name in names]) for task in basis.tasks]
    )
