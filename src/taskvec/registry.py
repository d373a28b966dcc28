"""Records by their names: what is there, and what was probably meant by a name that is not."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar

from taskvec.errors import TaskvecError

Record = TypeVar("Record")


class Registry(Mapping[str, Record]):
    """A mapping from names to records that says what was meant where a name is unknown.

    ``METHODS.find("ties")`` is for names that a user wrote, ``METHODS["ties"]`` for those that are known.
    """

    def __init__(self, kind: str, error: type[TaskvecError], records: Mapping[str, Record]) -> None:
        """Begin.

        Args:
            kind: What a record is, for messages, such as ``method``.
            error: What an unknown name raises.
            records: Name → record.
        """
        self._kind = kind
        self._error = error
        self._records = records

    def __getitem__(self, name: str) -> Record:
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __repr__(self) -> str:
        return f"<Registry of {self._kind}: {', '.join(self)}>"

    def find(self, name: str) -> Record:
        """Return the record that a user calls by a name.

        Args:
            name: The name as it was written.

        Returns:
            The record.

        Raises:
            TaskvecError: If there is none of that name, an error of the registry's own class; it names the nearest.
        """
        if name not in self:
            raise self._error(unknown(self._kind, name, self))
        return self[name]


class OneFileEach(Mapping[str, Any]):
    """The records of a package that has one module a record, both of the record's name; in the order of names.

    The names are those of the files, so that nothing is imported to list them, and a record when it is asked for.
    """

    def __init__(self, package: str) -> None:
        """Begin.

        Args:
            package: The package's dotted name.
        """
        self._package = package

    @cached_property
    def _names(self) -> tuple[str, ...]:
        root, *folders = self._package.split(".")
        paths = [os.path.join(path, *folders) for path in import_module(root).__path__]  # noqa: PTH118  # or in a zip
        return tuple(sorted(module.name for module in pkgutil.iter_modules(paths)))

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return getattr(import_module(f"{self._package}.{name}"), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    """Say that a name is unknown, which was probably meant, and which there are."""
    return f"unknown {kind} {name!r}{hint(name, known)}: use one of {', '.join(known)}"


def hint(word: str, known: Iterable[str]) -> str:
    """Return which known word was probably meant, as a question in parentheses; nothing where none resembles it."""
    close = nearest(word, known)
    return f" (did you mean {close!r}?)" if close else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that resembles a word most, if one does; capitals make no difference."""
    small = {one.lower(): str(one) for one in known}
    return next((small[one] for one in get_close_matches(word.lower(), small, n=1)), None)
