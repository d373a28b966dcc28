"""Every method by its name: what the command line offers and what the documentation lists."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from taskvec.errors import BasisError
from taskvec.linalg.encoders.autoencoder import AutoencoderOptions, autoencoder
from taskvec.linalg.encoders.encoding import Encoding, Generated, MethodOptions
from taskvec.linalg.encoders.pca import PcaOptions, pca
from taskvec.linalg.encoders.random_atoms import RandomOptions, random_atoms
from taskvec.linalg.encoders.spectral import SpectralOptions, spectral
from taskvec.linalg.encoders.subset import SubsetOptions, subset

Matrix = NDArray[np.float64]

BASES = "arXiv 2502.01015"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to choose atoms.

    Attributes:
        name: How users call it.
        encode: From G, ``(T, T)``, M and options to atoms.
        options: The class of its options.
        summary: What it does, in one line.
        paper: Where it comes from.
        extra_atoms: Stored vectors beside the M that are asked for.
    """

    name: str
    encode: Callable[[Matrix, int, Any], Encoding | Generated]
    options: type[MethodOptions]
    summary: str
    paper: str
    extra_atoms: int = 0


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("spectral", spectral, SpectralOptions, "eigenvectors of the Gram matrix: the least error", "ours"),
        Method("autoencoder", autoencoder, AutoencoderOptions, "a softmax encoder, trained by Adam", BASES),
        Method("pca", pca, PcaOptions, "centred principal components and the mean", BASES, extra_atoms=1),
        Method("subset", subset, SubsetOptions, "some of the task vectors, greedily or at random", BASES),
        Method("random", random_atoms, RandomOptions, "random directions from a seed, never stored", BASES),
    )
}
"""Name → method."""


def find_method(name: str) -> Method:
    """Return a method by its name.

    Raises:
        BasisError: If there is none of that name.
    """
    if name not in METHODS:
        raise BasisError(f"unknown method {name!r}{_hint(name, METHODS)}: use one of {', '.join(METHODS)}")
    return METHODS[name]


def options_of(method: Method, given: Mapping[str, Any]) -> MethodOptions:
    """Make a method's options from names and values, text included.

    Args:
        method: The method.
        given: Name → value, or its text.

    Returns:
        The options, defaults filled in.

    Raises:
        BasisError: If the method has no such option, or the value is of another kind.
    """
    known = [field.name for field in dataclasses.fields(method.options)]
    for name in given:
        if name not in known:
            raise BasisError(
                f"method {method.name} has no option {name!r}{_hint(name, known)}: it has {', '.join(known) or 'none'}"
            )
    try:
        options: MethodOptions = TypeAdapter(method.options).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BasisError(f"option {name} of method {method.name}: {first['msg']}, not {first['input']!r}") from error
    return options


def _hint(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
