"""Expressions over task vectors: ``base + 0.4*(math + code) - 0.6*toxic.unique``, parsed and put in linear form.

Text becomes tokens (``tokens``), tokens a tree (``parser``, ``nodes``), the tree one coefficient a vector (``linear``).
"""

from taskvec.expressions.linear import Definition, LinearForm, MergeFunction, VectorFunction, linear_form
from taskvec.expressions.nodes import (
    Add,
    Call,
    Divide,
    Multiply,
    Name,
    Negate,
    Node,
    Number,
    Option,
    OptionValue,
    Subtract,
)
from taskvec.expressions.parser import BASE, parse

__all__ = [
    "BASE",
    "Add",
    "Call",
    "Definition",
    "Divide",
    "LinearForm",
    "MergeFunction",
    "Multiply",
    "Name",
    "Negate",
    "Node",
    "Number",
    "Option",
    "OptionValue",
    "Subtract",
    "VectorFunction",
    "linear_form",
    "parse",
]
