"""Torch files that would run code, lie about sizes or hold something else."""

from __future__ import annotations

import os
import pickle  # ruff: ignore[suspicious-pickle-import]
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from hostile_files.hostile_file import HostileFile

FILE = "lie.bin"
MARK = "TASKVEC_HOSTILE_PICKLE_RAN"
"""The folder that an attack makes in the working directory when its code runs."""


class _RunsCode:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (MARK,)


class _Evaluates:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, (  # ruff: ignore[suspicious-eval-usage]
            f"__import__('os').mkdir({MARK!r})",
        )


def _saved(value: object, *, legacy: bool = False) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        torch.save(value, folder / FILE, _use_new_zipfile_serialization=not legacy)
        return folder / FILE

    return make


def _bytes(contents: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / FILE).write_bytes(contents)
        return folder / FILE

    return make


def _zip(change: Callable[[str, bytes], bytes | None], compression: int = zipfile.ZIP_STORED) -> Callable[[Path], Path]:
    """Save two tensors and rewrite the records of the zip."""

    def make(folder: Path) -> Path:
        torch.save({"a": torch.ones(3), "b": torch.ones(4)}, folder / "true.bin")
        with zipfile.ZipFile(folder / "true.bin") as true, zipfile.ZipFile(folder / FILE, "w", compression) as lie:
            for entry in true.infolist():
                contents = change(Path(entry.filename).name, true.read(entry))
                if contents is not None:
                    lie.writestr(entry.filename, contents)
        return folder / FILE

    return make


def _truncated(folder: Path) -> Path:
    contents = _saved({"a": torch.ones(1000)})(folder).read_bytes()
    (folder / FILE).write_bytes(contents[: len(contents) // 2])
    return folder / FILE


def _patched_in_place(before: bytes, after: bytes) -> Callable[[Path], Path]:
    """Change bytes of the pickle and leave every position as it is."""

    def make(folder: Path) -> Path:
        contents = _saved({"a": torch.ones(3)})(folder).read_bytes()
        assert contents.count(before) == 1
        (folder / FILE).write_bytes(contents.replace(before, after))
        return folder / FILE

    return make


def _without(record: str) -> Callable[[str, bytes], bytes | None]:
    return lambda name, contents: None if name == record else contents


def _replaced(records: Mapping[str, bytes]) -> Callable[[str, bytes], bytes]:
    return records.get


TENSOR = torch.ones(2)
REPEATED = torch.ones(1).expand(1 << 45)
SHAPE_OF_THREE = b"K\x03\x85"
SHAPE_OF_127 = b"K\x7f\x85"

HOSTILE_PICKLES = [
    HostileFile("code in a zip", _saved({"a": TENSOR, "b": _RunsCode()}), FILE, "asks to run 'posix.mkdir'"),
    HostileFile("code in an old file", _saved({"b": _RunsCode()}, legacy=True), FILE, "asks to run 'posix.mkdir'"),
    HostileFile("code instead of a dictionary", _saved(_RunsCode()), FILE, "asks to run 'posix.mkdir'"),
    HostileFile("eval", _saved({"b": _Evaluates()}), FILE, "asks to run"),
    HostileFile("a bare pickle with code", _bytes(pickle.dumps(_RunsCode())), FILE, "only plain state dicts"),
    HostileFile("a whole module", _saved(torch.nn.Linear(2, 2)), FILE, "asks to run 'torch.nn.modules.linear.Linear'"),
    HostileFile("an empty file", _bytes(b""), FILE, "cannot be read"),
    HostileFile("noise", _bytes(bytes(range(256)) * 4), FILE, "only plain state dicts"),
    HostileFile("a list", _saved([TENSOR]), FILE, "is of type list, expected a state dict"),
    HostileFile("a lone tensor", _saved(TENSOR), FILE, "is a lone tensor, expected a state dict"),
    HostileFile("a number among tensors", _saved({"a": TENSOR, "step": 3}), FILE, "entry 'step' is of type int"),
    HostileFile("a dictionary among tensors", _saved({"a": TENSOR, "b": {}}), FILE, "entry 'b' is of type dict"),
    HostileFile("a number for a name", _saved({1: TENSOR}), FILE, "entry 1 has no text for a name"),
    HostileFile(
        "a number in a nested state dict", _saved({"model": {"a": TENSOR, "n": 1}}), FILE, "entry 'n' is of type int"
    ),
    HostileFile(
        "two state dicts", _saved({"state_dict": {"a": TENSOR}, "ema": {"a": TENSOR}}), FILE, "'state_dict', 'ema'"
    ),
    HostileFile(
        "a tensor beside", _saved({"model": {"a": TENSOR}, "w": TENSOR}), FILE, "tensor 'w' lies beside 'model'"
    ),
    HostileFile(
        "complex numbers", _saved({"a": torch.ones(2, dtype=torch.complex64)}), FILE, "tensor 'a' is torch.complex64"
    ),
    HostileFile("a terabyte in four bytes", _saved({"a": REPEATED}), FILE, "tensor 'a' repeats its elements"),
    HostileFile("the same in an old file", _saved({"a": REPEATED}, legacy=True), FILE, "tensor 'a' repeats"),
    HostileFile("a truncated zip", _truncated, FILE, "only plain state dicts"),
    HostileFile("a zip of something else", _zip(_without("data.pkl")), FILE, "no state dict saved by torch"),
    HostileFile("a missing storage", _zip(_without("1")), FILE, "cannot be read"),
    HostileFile("a compressed zip", _zip(_replaced({}), zipfile.ZIP_DEFLATED), FILE, "is compressed"),
    HostileFile("the other byte order", _zip(_replaced({"byteorder": b"big"})), FILE, "byte order b'big'"),
    HostileFile("a pickle that never ends", _zip(_replaced({"data.pkl": b"\x80\x02}("})), FILE, "cannot be read"),
    HostileFile("a storage that is too short", _zip(_replaced({"0": bytes(4)})), FILE, "cannot be read (RuntimeError)"),
    HostileFile(
        "a shape beyond its storage",
        _patched_in_place(SHAPE_OF_THREE + b"q", SHAPE_OF_127 + b"q"),
        FILE,
        "tensor 'a' claims a storage of 508 bytes, the file holds 12 of them",
    ),
]
