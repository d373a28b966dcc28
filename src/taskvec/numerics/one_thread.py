"""One thread of the linear algebra library for each worker.

Workers share the processors already; a library that starts threads of its own beside them waits for itself (a QR
decomposition took thirty times as long on a busy machine), and how it divides a product may change the last bits.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def one_thread_each() -> Generator[None]:
    """Keep numpy's linear algebra to one thread a call, in this whole process, until the block is left."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
