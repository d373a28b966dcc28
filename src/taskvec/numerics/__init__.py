"""Kernels on chunks: widening, combining, rounding and Gram sums, compiled once and cached."""
