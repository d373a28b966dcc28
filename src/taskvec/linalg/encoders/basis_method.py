"""The record of a way to choose atoms: all that requests, the command line and the pages know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import BasisError
from taskvec.linalg.encoders.encoding import Encoding, Generated, MethodOptions
from taskvec.parameter import OptionError, Parameter, canonical, parameters_of, raising

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BasisMethod:
    """A way to choose atoms.

    Attributes:
        name: How users call it.
        encode: From G, ``(T, T)``, M and options to atoms.
        options: The class of its options.
        summary: What it does, in one line.
        paper: Where it comes from.
        atoms: What its atoms are.
        coefficients: How the task vectors' coefficients in them are found.
        extra_atoms: Stored vectors beside the M that are asked for.
    """

    name: str
    encode: Callable[[Matrix, int, Any], Encoding | Generated]
    options: type[MethodOptions]
    summary: str
    paper: str
    atoms: str
    coefficients: str
    extra_atoms: int = 0

    def options_of(self, given: Mapping[str, Any]) -> MethodOptions:
        """Make its options from names and values, text included.

        Args:
            given: Name → value, or its text.

        Returns:
            The options, defaults filled in.

        Raises:
            BasisError: If it has no such option, a value is none that it can take, or values do not go together.
        """
        with raising(BasisError):
            named = canonical(self.name, self.parameters, given)
            return self._options({one.name: named.get(one.name, one.default) for one in self.parameters})

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its options, in order."""
        return parameters_of(self.options)

    def _options(self, named: Mapping[str, Any]) -> MethodOptions:
        checked = {}
        for one in self.parameters:
            value = named[one.name]
            checked[one.name] = one.checked(one.read(value) if isinstance(value, str) else value, self.name)
        options = self.options(**checked)
        problem = options.problem()
        if problem:
            raise OptionError(f"{self.name}: {problem}")
        return options
