"""How a kernel is compiled: once, without the interpreter lock, and for every process that comes after."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Literal

from numba import njit


def compiled(
    function: Callable[..., Any],
    *,
    fastmath: Collection[str] = (),
    error_model: Literal["python", "numpy"] = "python",
) -> Any:
    """Compile a kernel when it is first called, or load it where any process has compiled it before.

    Where no folder can be written to, every process compiles for itself.

    Args:
        function: The kernel.
        fastmath: What may be done to its arithmetic, as LLVM names it.
        error_model: What a division by zero is: an error as in ``python``, or a value as in ``numpy``.

    Returns:
        The same to call, from Python and from other kernels; the function itself where numba is told not to compile.
    """
    kernel: Any = njit(nogil=True, fastmath=set(fastmath), error_model=error_model)(function)
    if kernel is not function:
        with suppress(RuntimeError):  # numba's, if it finds no folder
            _keep(kernel)
    return kernel


def _keep(kernel: Any) -> None:
    """Let what is compiled be kept: in our way, or in numba's own if this numba's inside is another."""
    try:
        from taskvec.numerics.compiled_code import CompiledCode
    except ImportError:
        kernel.enable_caching()
    else:
        cache = CompiledCode(kernel.py_func)  # type: ignore[no-untyped-call]
        kernel._cache = cache  # noqa: SLF001  # numba has no public way to take another
