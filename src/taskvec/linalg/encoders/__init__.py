"""Ways to choose atoms: one method a file, each a pure function of the Gram matrix and the number of atoms M."""

from taskvec.linalg.encoders.encoding import Encoding, Generated, MethodOptions
from taskvec.linalg.encoders.registry import METHODS, Method, find_method, options_of

__all__ = ["METHODS", "Encoding", "Generated", "Method", "MethodOptions", "find_method", "options_of"]
