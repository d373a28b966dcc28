"""The same three operations through torch, for ``--device cuda``.

Results agree with the CPU kernels to float32 rounding, not bit for bit: a device adds in its own order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import MissingExtraError, TaskvecError
from taskvec.numerics.codes import BF16, F8_E4M3, F8_E5M2, F16, F32, NONE
from taskvec.numerics.rows import Rows

Array = NDArray[Any]


class TorchBackend:
    """Chunks are moved to the device as bytes, widened there, combined, rounded and moved back."""

    def __init__(self, device: str) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch", "torch", f"--device {device}") from error
        self._torch = torch
        try:
            self._device = torch.zeros(1, device=device).device
        except (RuntimeError, AssertionError) as error:
            raise TaskvecError(f"device {device!r} cannot be used here: use --device cpu") from error
        self._dtypes = {F32: torch.float32, F16: torch.float16, BF16: torch.bfloat16}
        self._dtypes |= {F8_E4M3: torch.float8_e4m3fn, F8_E5M2: torch.float8_e5m2}

    def combine(self, rows: Rows, coefficients: Array, base_coefficient: np.float32, out_code: int, out: Array) -> bool:
        """Round a linear combination of the base and the deltas into ``out``; False if it is not finite."""
        total = self._torch.zeros(rows.size, device=self._device)
        for coefficient, delta in zip(coefficients, self._deltas(rows), strict=True):
            total += float(coefficient) * delta
        kept = float(base_coefficient) * self._widen(rows.base, rows.base_code, rows)
        total = self._torch.where(total == 0, kept, kept + total)
        return self._round_into(total, out_code, out)

    def gram(self, rows: Rows, num_rows: int, total: Array) -> None:
        """Add inner products of deltas to ``total``."""
        deltas = self._torch.stack(self._deltas(rows)).double()
        total[:num_rows, : len(rows.codes)] += (deltas[:num_rows] @ deltas.T).cpu().numpy()

    def project(self, rows: Rows, encoder: Array, out_code: int, out: Array, total: Array) -> bool:
        """Round atoms into ``out`` and add their inner products to ``total``; False if one is not finite."""
        deltas = self._torch.stack(self._deltas(rows))
        atoms = self._torch.from_numpy(encoder).to(self._device) @ deltas
        finite = [self._round_into(atom, out_code, row) for atom, row in zip(atoms, out, strict=True)]
        rounded = atoms.to(self._dtypes[out_code]).double()
        both = self._torch.cat([rounded, deltas.double()])
        total[: len(rounded), : len(both)] += (rounded @ both.T).cpu().numpy()
        return all(finite)

    def _widen(self, raw: Array, code: int, rows: Rows) -> Any:
        if code == NONE:
            return self._torch.zeros(rows.size, device=self._device)
        dtype = self._dtypes[code]
        data = self._torch.from_numpy(raw[rows.first * dtype.itemsize : (rows.first + rows.size) * dtype.itemsize])
        return data.to(self._device).view(dtype).float()

    def _deltas(self, rows: Rows) -> list[Any]:
        anchor = self._widen(rows.base, rows.base_code, rows)
        values = [self._widen(row, int(code), rows) for row, code in zip(rows.raw, rows.codes, strict=True)]
        return [row - anchor if is_centered else row for row, is_centered in zip(values, rows.centered, strict=True)]

    def _round_into(self, values: Any, code: int, out: Array) -> bool:
        rounded = values.to(self._dtypes[code])
        data = rounded.view(self._torch.uint8).cpu().numpy()
        out[: data.size] = data
        return bool(self._torch.isfinite(rounded.float()).all())
