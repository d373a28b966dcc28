"""Kernels on chunks: widening, combining, rounding and Gram sums, compiled once and cached."""

from taskvec.numerics.backends import Backend, backend_for
from taskvec.numerics.loading import load

__all__ = ["Backend", "backend_for", "load"]
