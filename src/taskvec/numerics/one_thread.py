"""One thread of the linear algebra library for each worker.

Workers share the processors already; a library that starts threads of its own beside them waits for itself (a QR
decomposition took thirty times as long on a busy machine), and how it divides a product may change the last bits.
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np


@contextmanager
def one_thread_each() -> Generator[None]:
    """Keep numpy's linear algebra to one thread a call, in this whole process, until the block is left."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


@functools.cache
def one_thread_from_now_on() -> None:
    """Keep numpy's linear algebra to one thread a call in this process, which is one of several workers."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")


def warm_up_linear_algebra() -> None:
    """Let the linear algebra library take what it takes for itself, so that a plan knows it."""
    square = np.eye(64)
    np.linalg.eigh(square @ square)
