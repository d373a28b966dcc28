"""The record of a way to choose atoms: all that requests, the command line and the pages know of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from taskvec.errors import BasisError
from taskvec.linalg.encoders.encoding import Encoding, Generated, MethodOptions
from taskvec.registry import hint

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
            BasisError: If it has no such option, or the value is of another kind.
        """
        known = [field.name for field in dataclasses.fields(self.options)]
        for name in given:
            if name not in known:
                raise BasisError(
                    f"method {self.name} has no option {name!r}{hint(name, known)}: it has {', '.join(known) or 'none'}"
                )
        try:
            options: MethodOptions = TypeAdapter(self.options).validate_python(dict(given))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise BasisError(f"option {name} of method {self.name}: {first['msg']}, not {first['input']!r}") from error
        return options
