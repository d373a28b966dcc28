from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HostileFile:
    """One attack.

    Attributes:
        name: The attack.
        make: Makes it in an empty folder and returns the reference to open.
        blamed: The name of the file that the message must name.
        complaint: What the message must say.
    """

    name: str
    make: Callable[[Path], Path]
    blamed: str
    complaint: str
