"""Results: what was done, what came of it, and all that is needed to judge it, as small versioned files."""

from taskvec.results.circumstances import this_machine, versions_of
from taskvec.results.documents import Measured, Unit
from taskvec.results.figures import Axis, Curves, Mark, Matrix, Series
from taskvec.results.result import Control, Input, Machine, Result
from taskvec.results.tables import Cell, Column, Table

__all__ = [
    "Axis",
    "Cell",
    "Column",
    "Control",
    "Curves",
    "Input",
    "Machine",
    "Mark",
    "Matrix",
    "Measured",
    "Result",
    "Series",
    "Table",
    "Unit",
    "this_machine",
    "versions_of",
]
