"""The files of bases as the authors of Task Vector Bases release them (arXiv 2502.01015, code uiuctml/TaskVectorBasis).

A run's folder holds ``basis_vectors.pt`` (the atoms), ``method_info.json``, and what recovers task vectors: ``AWB.pt``
with W for the autoencoder, ``pca_components.pt`` with coefficients and mean for PCA. Tasks are known by their position
in the list of data sets; here each becomes a name. Files are read by the loader that runs no code.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import BasisError, MissingExtraError
from taskvec.expressions import BASE

Matrix = NDArray[np.float64]

ATOMS = "basis_vectors.pt"
"""The file that tells such a folder."""

_METHODS = {"AutoencoderBasisMethod": "autoencoder", "PCABasisMethod": "pca"}
_MADE_HERE = {
    "RandomBasisMethod": "a seed makes its atoms anew: use taskvec compress --method random",
    "RandomSampleMethod": "its atoms are task vectors: add them to the store, then taskvec compress --method subset",
}


@dataclass(frozen=True)
class OfficialBasis:
    """What a released folder says.

    Attributes:
        method: The name that the method has here.
        tasks: The data sets, in order.
        atoms: Each atom's tensors, the mean last for PCA.
        decoder: W, ``(K, T)``.
        encoder: B, ``(T, K)``, where the folder has it.
    """

    method: str
    tasks: tuple[str, ...]
    atoms: tuple[Mapping[str, NDArray[np.float32]], ...]
    decoder: Matrix
    encoder: Matrix | None


def read_official(folder: Path) -> OfficialBasis:
    """Read a released folder.

    Args:
        folder: The folder of a run.

    Returns:
        What it says.

    Raises:
        BasisError: If a file is missing or does not say what the authors' code writes.
    """
    try:
        return _checked(folder, _read(folder))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OSError) as error:
        raise BasisError(f"{folder}: is no basis as its authors' code saves it ({error}): fetch it again") from error


def _read(folder: Path) -> OfficialBasis:
    info = json.loads(_present(folder / "method_info.json").read_text(encoding="utf-8"))
    method = _METHODS.get(info["method"])
    if method is None:
        instead = _MADE_HERE.get(info["method"], f"use a run of {' or '.join(_METHODS)}")
        raise BasisError(f"{folder}: a basis of {info['method']} cannot be taken; {instead}")
    vectors = _loaded(folder / ATOMS)["basis_vectors"]
    atoms = [{key: _array(value) for key, value in vector.items()} for vector in vectors]
    tasks = tuple(_as_name(task) for task in info["datasets"])
    if len(set(tasks)) < len(tasks):
        raise BasisError(f"{folder}: data sets share a name ({', '.join(tasks)}): name them apart in method_info.json")
    if method == "autoencoder":
        found = _loaded(folder / "AWB.pt")
        return _checked(folder, OfficialBasis(method, tasks, tuple(atoms), _matrix(found["W"]), _matrix(found["B"])))
    found = _loaded(folder / "pca_components.pt")
    atoms.append(_unflattened(_array(found["mean_vector"]), atoms[0], found["keys_order"]))
    decoder = np.vstack([_matrix(found["coefficients"]), np.ones(len(tasks))])
    return OfficialBasis(method, tasks, tuple(atoms), decoder, None)


def _checked(folder: Path, basis: OfficialBasis) -> OfficialBasis:
    expected = (len(basis.atoms), len(basis.tasks))
    if basis.decoder.shape != expected or (basis.encoder is not None and basis.encoder.shape != expected[::-1]):
        raise BasisError(
            f"{folder}: coefficients of shape {list(basis.decoder.shape)} for {expected[0]} atoms and {expected[1]} "
            "tasks: the files belong to different runs"
        )
    return basis


def _loaded(path: Path) -> Mapping[str, Any]:
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "torch", "reading .pt files")
    import torch

    _present(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            is_mapped = is_zipfile(path)  # files of torch before 1.6 are held in memory
            loaded: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=is_mapped)
    except Exception as error:
        raise BasisError(
            f"{path}: cannot be read as plain tensors and numbers ({type(error).__name__}); nothing else is loaded"
        ) from error
    return loaded


def _present(path: Path) -> Path:
    """Return a file that is there.

    Raises:
        BasisError: If it is not.
    """
    if not path.is_file():
        raise BasisError(f"{path} is missing, which the authors' code writes beside {ATOMS}: fetch the folder again")
    return path


def _array(tensor: Any) -> NDArray[np.float32]:
    values: NDArray[np.float32] = tensor.detach().float().numpy()
    return np.ascontiguousarray(values).reshape(values.shape)


def _matrix(tensor: Any) -> Matrix:
    return np.asarray(_array(tensor), np.float64)


def _unflattened(
    flat: NDArray[np.float32], like: Mapping[str, NDArray[np.float32]], keys: list[str]
) -> dict[str, NDArray[np.float32]]:
    ends = np.cumsum([like[key].size for key in keys])
    pieces = np.split(flat, ends[:-1])
    return {key: piece.reshape(like[key].shape) for key, piece in zip(keys, pieces, strict=True)}


def _as_name(task: str) -> str:
    name = re.sub(r"\W", "_", task, flags=re.ASCII)
    return f"_{name}" if name[:1].isdigit() or name in {"", BASE} else name
