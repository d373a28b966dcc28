"""``docs/cli.md``, written from the commands themselves: ``make pages`` writes it anew."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from taskvec.cli.main import command_line
from taskvec.cli.options import Reporting, Running

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"

INTRODUCTION = """\
# The command line

This page is made from the commands themselves (`make pages`); a test keeps it current.
Everything here is also a Python call of the same name.

**Exit status.** 0: done. 1: refused or failed, with one line `error: …` on stderr that names tensor, file and what to
do; no output is left half-written. 2: wrong usage. 130: interrupted; the same command goes on from there.

**Output.** With `--json`, stdout is exactly one JSON object; numbers that are not finite are `null`. Progress and
errors go to stderr; progress is shown in bytes when stderr is a terminal.

**Words.** REF is a folder as model hubs lay it out, or a `.safetensors`, `.bin` or `.pt` file; `REF+LORA` is a model
with a LoRA adapter on it, and an adapter alone stands for what it adds to its base. NAME is letters, digits and `_`,
and does not begin with a digit. SIZE is `512MiB`, `5GB` or plain bytes.
"""


def commands(command: Any = None, path: tuple[str, ...] = ("taskvec",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command that does something, with the words that call it."""
    command = command or get_command(command_line())
    if not hasattr(command, "commands"):
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


def reference() -> str:
    """Return the whole page."""
    by_path = dict(commands())
    everywhere, with_weights = _fields(Reporting), _fields(Running) - _fields(Reporting)
    example = by_path["taskvec", "similarity"]
    parts = [
        INTRODUCTION,
        "## Options of every command\n",
        *_table(p for p in example.params if p.name in everywhere),
        "## Options of every command that touches weights\n",
        *_table(p for p in example.params if p.name in with_weights),
    ]
    for path, command in by_path.items():
        parts += _section(path, command, everywhere | with_weights)
    return "\n".join(parts)


def _fields(kind: type[Reporting]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _section(path: tuple[str, ...], command: Any, shared: set[str]) -> Iterator[str]:
    own = [parameter for parameter in command.params if parameter.name not in shared]
    weights = any(parameter.name == "memory" for parameter in command.params)
    yield f"## {' '.join(path)}\n"
    in_order = sorted(own, key=lambda parameter: (parameter.param_type_name, not parameter.required))
    yield f"```\n{' '.join([*path, *map(_usage, in_order)])}\n```\n"
    yield inspect.cleandoc(command.help) + "\n"
    yield from _table(own)
    if not weights:
        yield "Reads no weights.\n"


def _usage(parameter: Any) -> str:
    word = parameter.metavar or ""
    if parameter.param_type_name == "option":
        word = f"{parameter.opts[0]} {word}".rstrip()
    if parameter.nargs == -1 or getattr(parameter, "multiple", False):
        return f"{word} …" if parameter.required else f"[{word} …]"
    return word if parameter.required else f"[{word}]"


def _table(parameters: Iterable[Any]) -> Iterator[str]:
    rows = [_row(parameter) for parameter in parameters]
    if rows:
        yield "\n".join(["| word | meaning |", "|---|---|", *rows, ""])


def _row(parameter: Any) -> str:
    word = parameter.metavar or ""
    if parameter.param_type_name == "option":
        word = f"{', '.join(parameter.opts)} {word}".rstrip()
    has_default = parameter.default not in {None, False, ...} and not parameter.required
    default = f" Default: {parameter.default}." if has_default else ""
    return f"| `{_cell(word)}` | {_cell(parameter.help + default)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")
