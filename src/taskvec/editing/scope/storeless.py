"""What expressions cannot say of checkpoints without a store: the error says so, not that the words are unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

from taskvec.errors import ExpressionError
from taskvec.expressions import VectorFunction

PART_REMEDY = "parts are those of a store: add its vectors to one (taskvec store init), and decompose them there"
"""What helps where a part of a vector is named."""


def _refused(name: str, why: str, _: Sequence[Mapping[str, float]]) -> NoReturn:
    raise ExpressionError(f"{name} needs {why}, which a store keeps: add the models to one (taskvec store init)")


STORELESS: Mapping[str, VectorFunction] = {
    name: partial(_refused, name, why)
    for name, why in {"orthogonal": "inner products", "shared_once": "a decomposition"}.items()
}
"""The functions of a store, each of which says that it needs one."""
