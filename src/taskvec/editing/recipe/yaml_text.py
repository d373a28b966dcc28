"""YAML that has one meaning: plain data with the line of every part, no key twice, no tags, no endless aliases."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from taskvec.checkpoints.quoting import quoted
from taskvec.errors import RecipeError

Place = tuple[str | int, ...]
"""The keys and indices that lead to a part of a document."""

_PLAIN = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_MERGE = "tag:yaml.org,2002:merge"
_MOST_NODES = 100_000  # aliases of aliases multiply; no recipe is that large


@dataclass(frozen=True)
class Document:
    """One document of a YAML text.

    Attributes:
        name: What the text is called in messages, such as the path of its file.
        data: Mappings with text keys, lists, and scalars.
        lines: Where each part begins, counted from 1.
    """

    name: str
    data: Any
    lines: Mapping[Place, int]

    def at(self, place: Place) -> str:
        """Return ``file:line`` of a part, or of the nearest part around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.name}:{self.lines.get(place, 1)}"


def parse_documents(text: str, name: str) -> tuple[Document, ...]:
    """Read all documents of a YAML text.

    Args:
        text: The text.
        name: What to call it in messages.

    Returns:
        The documents that are not empty.

    Raises:
        RecipeError: If the text is no YAML, or means different things to different readers.
    """
    try:
        nodes = [node for node in yaml.compose_all(text, yaml.SafeLoader) if node is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise RecipeError(f"{name}:{line}: is no YAML: {problem}") from None
    except RecursionError:
        raise RecipeError(f"{name}:1: is no recipe: it nests too deeply") from None
    return tuple(_Reading(name).document(node) for node in nodes)


def dump(data: Any) -> str:
    """Write plain data as YAML that reads back as the same.

    Args:
        data: Mappings, lists and scalars.

    Returns:
        The text; short lists of scalars on one line, keys in their order.
    """
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


class _Reading:
    """Turns the nodes of one document into data."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._scalars = yaml.constructor.SafeConstructor()
        self._lines: dict[Place, int] = {}
        self._num_nodes = 0

    def document(self, root: yaml.Node) -> Document:
        return Document(self._name, self._value(root, ()), self._lines)

    def _value(self, node: yaml.Node, place: Place) -> Any:
        self._num_nodes += 1
        if self._num_nodes > _MOST_NODES or len(place) > 50:
            raise self._error(node, "is no recipe: it is too large or refers to itself")
        self._lines[place] = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN:
            kind = "list" if isinstance(node, yaml.SequenceNode) else "mapping"
            raise self._error(node, f"a {kind} with the tag {quoted(node.tag)}: leave out tags")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, (*place, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                raise self._error(key_node, "'<<' is not supported; write the keys out")
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise self._error(key_node, f"the key {quoted(key_node.value)} is no text; write it in quotes")
            if key in members:
                raise self._error(key_node, f"the key {quoted(key)} is given twice; keep one")
            members[key] = self._value(value_node, (*place, key))
            self._lines[*place, key] = key_node.start_mark.line + 1
        return members

    def _scalar(self, node: yaml.Node) -> Hashable:
        try:
            value: Hashable = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            raise self._error(node, f"{quoted(node.value)} cannot be read; write it in quotes") from None
        if value is None or isinstance(value, str | bool | int | float):
            return value
        raise self._error(node, f"{quoted(node.value)} is read as a {type(value).__name__}; write it in quotes")

    def _error(self, node: yaml.Node, problem: str) -> RecipeError:
        return RecipeError(f"{self._name}:{node.start_mark.line + 1}: {problem}")


class _Dumper(yaml.SafeDumper):
    """Writes lists of scalars on one line, nothing as an alias, and odd characters as escapes."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Repeat what occurs twice."""
        return True

    def _list(self, items: list[Any]) -> yaml.Node:
        is_short = all(isinstance(item, str | int | float | bool) for item in items)
        return self.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_short)

    def _text(self, text: str) -> yaml.Node:
        style = None if text.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper._text)  # noqa: SLF001  # its own
_Dumper.add_representer(list, _Dumper._list)  # noqa: SLF001  # its own
