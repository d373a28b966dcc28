"""What every part of a result has in common: it is frozen, finite, and refuses what it does not know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Unit = Literal["text", "count", "number", "fraction", "bytes", "seconds"]
"""What a number is: a fraction is kept from 0 to 1 and shown in per cent; bytes and seconds are shown with prefixes."""

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Spread = Annotated[FiniteFloat, Field(ge=0)]


class Document(BaseModel):
    """A value that is written to JSON and read back strictly: no unknown field, no conversion, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Measured(Document):
    """A number that was measured more than once, or on a sample.

    Attributes:
        value: The number, such as a mean over seeds.
        spread: How far it may be off, in the same unit; what it is (standard error, range) is said where it stands.
        n: How many measurements it is of.
    """

    value: FiniteFloat
    spread: Spread | None = None
    n: Count | None = None
