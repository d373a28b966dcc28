"""Ways to choose atoms: each a record, and a pure function of the Gram matrix and the number of atoms M.

A way is a file of ``taskvec.linalg.encoders.ways``, imported when it is first asked for.
"""

from taskvec.errors import BasisError
from taskvec.linalg.encoders.basis_method import BasisMethod
from taskvec.linalg.encoders.encoding import Encoding, Generated, MethodOptions
from taskvec.registry import OneFileEach, Registry

BASIS_METHODS: Registry[BasisMethod] = Registry("method", BasisError, OneFileEach("taskvec.linalg.encoders.ways"))
"""Name → method."""

__all__ = ["BASIS_METHODS", "BasisMethod", "Encoding", "Generated", "MethodOptions"]
