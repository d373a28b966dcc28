"""Merge methods: each a record that says what it needs, and a function of arrays that is its definition.

``taskvec.methods.ties(deltas, density=0.2)`` merges the deltas of one tensor in float64.
"""

from taskvec.methods.dare import dare_linear, dare_ties
from taskvec.methods.linear import linear
from taskvec.methods.method import Method, Needs, Takes
from taskvec.methods.registry import METHODS, find_method
from taskvec.methods.task_arithmetic import task_arithmetic
from taskvec.methods.ties import ties

__all__ = [
    "METHODS",
    "Method",
    "Needs",
    "Takes",
    "dare_linear",
    "dare_ties",
    "find_method",
    "linear",
    "task_arithmetic",
    "ties",
]
