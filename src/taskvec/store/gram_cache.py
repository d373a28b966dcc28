"""Inner products that are known already, kept per tensor in small immutable files.

A file holds the products of some rows with some columns, both named by content fingerprint; nothing is ever changed in
place, so two processes that add products at once lose nothing.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from taskvec.errors import StoreError

Gram = NDArray[np.float64]


class GramCache:
    """A folder of products.

    Attributes:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, keys: Sequence[str], num_tensors: int) -> Gram:
        """Return what is known of the products of some vectors; NaN where it is not.

        Args:
            keys: Fingerprints of the T vectors, each once.
            num_tensors: N, the number of combinable tensors.

        Returns:
            Float64 ``(N, T, T)``.
        """
        gram = np.full((num_tensors, len(keys), len(keys)), np.nan)
        index = {key: i for i, key in enumerate(keys)}
        for path in self._files():
            _fill(gram, index, path)
        return gram

    def check(self) -> None:
        """Read every file; one that is damaged is a ``StoreError``."""
        for path in self._files():
            _read(path)

    def useless(self, live: Collection[str]) -> list[Path]:
        """Return the files in which no product is of two of the given vectors."""
        files = []
        for path in self._files():
            rows, columns, _ = _read(path)
            if not any(row in live for row in rows) or not any(column in live for column in columns):
                files.append(path)
        return files

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"))

    def add(self, rows: Sequence[str], columns: Sequence[str], per_tensor: Gram) -> None:
        """Keep products.

        Args:
            rows: Fingerprints of the R row vectors.
            columns: Fingerprints of the C column vectors.
            per_tensor: Float64 ``(N, R, C)``.
        """
        keys = json.dumps({"rows": list(rows), "columns": list(columns)})
        data = save({"gram": np.ascontiguousarray(per_tensor)}, {"keys": keys})
        target = self.folder / f"{_name_of(data)}.safetensors"
        temporary = self.folder / f".{target.name}.{secrets.token_hex(8)}.tmp"
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)


def covering_rows(missing: NDArray[np.bool_]) -> list[int]:
    """Choose few vectors such that every missing product has one of them: the one with most missing first.

    Args:
        missing: Which products are missing, symmetric ``(T, T)``.

    Returns:
        Indices of the chosen vectors.
    """
    left = missing.copy()
    rows: list[int] = []
    while left.any():
        row = int(np.argmax(left.sum(axis=1)))
        rows.append(row)
        left[row, :] = False
        left[:, row] = False
    return sorted(rows)


def in_turns(missing: NDArray[np.bool_], is_low_rank: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Part missing products in those of two low-rank vectors, which cost little, and all others.

    Args:
        missing: Which products are missing, symmetric ``(T, T)``.
        is_low_rank: Which vectors keep their factors, ``(T,)``.

    Returns:
        Up to two matrices like ``missing``, each with something in it.
    """
    cheap = missing & np.outer(is_low_rank, is_low_rank)
    return [turn for turn in (cheap, missing & ~cheap) if turn.any()]


def _fill(gram: Gram, index: Mapping[str, int], path: Path) -> None:
    rows, columns, block = _read(path)
    if block.shape != (len(gram), len(rows), len(columns)):
        raise _damaged(path)
    pairs = [(r, index[key]) for r, key in enumerate(rows) if key in index]
    others = [(c, index[key]) for c, key in enumerate(columns) if key in index]
    if not pairs or not others:
        return
    (from_rows, to_rows), (from_columns, to_columns) = zip(*pairs, strict=True), zip(*others, strict=True)
    part = block[:, from_rows][:, :, from_columns]
    gram[np.ix_(range(len(gram)), to_rows, to_columns)] = part
    gram[np.ix_(range(len(gram)), to_columns, to_rows)] = part.transpose(0, 2, 1)


def _read(path: Path) -> tuple[list[str], list[str], Gram]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    if _name_of(data) != path.stem:
        raise _damaged(path)
    with safe_open(path, framework="numpy") as file:
        keys = json.loads(file.metadata()["keys"])
        return keys["rows"], keys["columns"], file.get_tensor("gram")


def _name_of(data: bytes) -> str:
    return blake3(data).hexdigest()[:32]


def _damaged(path: Path) -> StoreError:
    return StoreError(f"{path}: is damaged; remove it and the products in it are computed again")
