"""Expressions over task vectors: ``base + 0.4*(math + code) - 0.6*toxic.unique``, parsed and put in linear form.

Text becomes tokens (``tokens``), tokens a tree (``parser``, ``nodes``), the tree one coefficient a leaf (``linear``,
``leaves``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvec.lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Add": "taskvec.expressions.nodes",
        "BASE": "taskvec.expressions.leaves",
        "Call": "taskvec.expressions.nodes",
        "Definition": "taskvec.expressions.linear",
        "Divide": "taskvec.expressions.nodes",
        "Leaf": "taskvec.expressions.leaves",
        "LinearForm": "taskvec.expressions.linear",
        "MergeFunctions": "taskvec.expressions.linear",
        "Merged": "taskvec.expressions.leaves",
        "Multiply": "taskvec.expressions.nodes",
        "Name": "taskvec.expressions.nodes",
        "Named": "taskvec.expressions.leaves",
        "Negate": "taskvec.expressions.nodes",
        "Node": "taskvec.expressions.nodes",
        "Number": "taskvec.expressions.nodes",
        "Option": "taskvec.expressions.nodes",
        "OptionValue": "taskvec.expressions.nodes",
        "Subtract": "taskvec.expressions.nodes",
        "THE_BASE": "taskvec.expressions.leaves",
        "Terms": "taskvec.expressions.leaves",
        "VectorFunction": "taskvec.expressions.linear",
        "Weights": "taskvec.expressions.leaves",
        "linear_form": "taskvec.expressions.linear",
        "parse": "taskvec.expressions.parser",
    },
)
