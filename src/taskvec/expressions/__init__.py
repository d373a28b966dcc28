"""Expressions over task vectors: ``base + 0.4*(math + code) - 0.6*toxic.unique``, parsed and put in linear form.

Text becomes tokens (``tokens``), tokens a tree (``parser``, ``nodes``), the tree one coefficient a leaf (``linear``,
``leaves``).
"""

from taskvec.expressions.leaves import BASE, THE_BASE, Leaf, Merged, Named, Terms, Weights
from taskvec.expressions.linear import Definition, LinearForm, MergeFunctions, VectorFunction, linear_form
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
from taskvec.expressions.parser import parse

__all__ = [
    "BASE",
    "THE_BASE",
    "Add",
    "Call",
    "Definition",
    "Divide",
    "Leaf",
    "LinearForm",
    "MergeFunctions",
    "Merged",
    "Multiply",
    "Name",
    "Named",
    "Negate",
    "Node",
    "Number",
    "Option",
    "OptionValue",
    "Subtract",
    "Terms",
    "VectorFunction",
    "Weights",
    "linear_form",
    "parse",
]
