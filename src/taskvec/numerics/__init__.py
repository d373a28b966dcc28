"""Kernels on chunks: widening, combining, rounding and Gram sums, compiled once and cached."""

from taskvec.numerics.backends import Backend, backend_for, warm_up

__all__ = ["Backend", "backend_for", "warm_up"]
