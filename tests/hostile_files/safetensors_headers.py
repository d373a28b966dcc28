"""Lying safetensors headers."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hostile_files.hostile_file import HostileFile

FILE = "lie.safetensors"


def with_header(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """Put a header in front of data, claiming its true length or another."""
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


def tensor(dtype: object = "F32", shape: object = (2,), data_offsets: object = (0, 8), **more: object) -> object:
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets, **more}


def _bytes(name: str, contents: bytes, complaint: str) -> HostileFile:
    def make(folder: Path) -> Path:
        (folder / FILE).write_bytes(contents)
        return folder / FILE

    return HostileFile(name, make, FILE, complaint)


def _header(name: str, header: str, complaint: str, data: int = 8) -> HostileFile:
    return _bytes(name, with_header(header.encode("utf-8", "surrogatepass"), bytes(data)), complaint)


def _tensors(name: str, tensors: dict[str, object], complaint: str, data: int = 8) -> HostileFile:
    return _header(name, json.dumps(tensors), complaint, data)


def _claims(name: str, claims: object, complaint: str, data: int = 8) -> HostileFile:
    return _tensors(name, {"w": claims}, complaint, data)


def _sparse_giant(folder: Path) -> Path:
    with (folder / FILE).open("wb") as file:
        file.write((200_000_000).to_bytes(8, "little") + b"{")
        file.truncate(1 << 40)
    return folder / FILE


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / FILE)
    return folder / FILE


ONE = '"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'

HOSTILE_HEADERS = [
    _bytes("empty file", b"", "holds 0 bytes"),
    _bytes("seven bytes", bytes(7), "holds 7 bytes"),
    _bytes("no header at all", bytes(8), "does not start with '{'"),
    _bytes("length beyond the file", with_header(b"{}", length=3), "claims 3 bytes in a file of 10"),
    _bytes("length of all ones", with_header(b"{}", length=2**64 - 1), "claims 18446744073709551615 bytes"),
    HostileFile("a giant header in a sparse file", _sparse_giant, FILE, "claims 200000000 bytes"),
    HostileFile("a pipe that nobody writes to", _pipe, FILE, "is not a regular file"),
    _bytes("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100), "claims"),
    _header("leading space", " {}", "does not start with '{'", data=0),
    _header("an array", "[]", "does not start with '{'", data=0),
    _header("not JSON", "{nonsense}", "malformed"),
    _header("cut off", '{"w":', "malformed"),
    _header("two documents", "{}{}", "malformed"),
    _bytes("not UTF-8", with_header(b'{"\xff":1}'), "not UTF-8"),
    _header("nested too deeply", '{"a":' * 100_000, "nests too deeply"),
    _header("arrays nested too deeply", '{"w":{"shape":' + "[" * 100_000, "nests too deeply"),
    _header("a number of 5000 digits", '{"w":' + "9" * 5000 + "}", "digits"),
    _header("NaN", '{"w":NaN}', "NaN is not JSON"),
    _header("the same tensor twice", "{" + ONE + "," + ONE + "}", "'w' appears twice"),
    _header("the same claim twice", '{"w":{"dtype":"F32","dtype":"F32"}}', "'dtype' appears twice"),
    _header("half a surrogate as name", '{"\\ud800":' + ONE[4:] + "}", "not valid unicode"),
    _header("a name of many lines", '{"a\\nerror: b":1}', "'a\\nerror: b' is 1"),
    _header("a name of a megabyte", '{"' + "x" * 1_000_000 + '":1}', "xxx...xxx"),
    _tensors("metadata that is a list", {"__metadata__": []}, "__metadata__ is []"),
    _tensors("metadata that is no text", {"__metadata__": {"format": 1}}, "entry 'format' is 1, expected text"),
    _claims("a tensor that is a number", 7, "tensor 'w' is 7"),
    _claims("no claims", {}, "tensor 'w' has dtype None"),
    _claims("unknown dtype", tensor("F31"), "has dtype 'F31', expected one of F64"),
    _claims("a list for a dtype", tensor(["F32"]), "has dtype ['F32']"),
    _claims("no shape", tensor(shape=None), "impossible shape None"),
    _claims("negative size", tensor(shape=[-2]), "impossible shape [-2]"),
    _claims("fractional size", tensor(shape=[2.0]), "impossible shape [2.0]"),
    _claims("boolean size", tensor(shape=[True, 2]), "impossible shape [True, 2]"),
    _claims("a size as text", tensor(shape=["2"]), "impossible shape ['2']"),
    _claims("a size beyond 64 bits", tensor(shape=[2**64]), "impossible shape"),
    _claims(
        "a product beyond 64 bits", tensor(shape=[2**40, 2**40]), "impossible shape [1099511627776, 1099511627776]"
    ),
    _claims(
        "an overflow hidden by a zero", tensor(shape=[0, 2**62, 2**62], data_offsets=[0, 0]), "impossible shape", data=0
    ),
    _claims("a product that wraps to the truth", tensor(shape=[2**32, 2**32, 2]), "impossible shape"),
    _claims("a thousand dimensions", tensor(shape=[1] * 1000), "impossible shape"),
    _claims("one offset", tensor(data_offsets=[0]), "data_offsets [0], expected [begin, end]"),
    _claims("three offsets", tensor(data_offsets=[0, 4, 8]), "expected [begin, end]"),
    _claims("negative offset", tensor(data_offsets=[-8, 0]), "data_offsets [-8, 0]"),
    _claims("fractional offset", tensor(data_offsets=[0, 8.0]), "data_offsets [0, 8.0]"),
    _claims("reversed offsets", tensor(data_offsets=[8, 0]), "reversed data_offsets [8, 0]"),
    _claims(
        "too few bytes for the shape", tensor(data_offsets=[0, 4]), "needs 8 bytes, but its data_offsets [0, 4] hold 4"
    ),
    _claims("too many bytes for the shape", tensor(data_offsets=[0, 16]), "needs 8 bytes", data=16),
    _claims("bytes beyond the file", tensor(), "ends at byte 8 of the data, but the file holds only 7", data=7),
    _claims("trailing bytes", tensor(), "1 bytes after tensor 'w' belong to no tensor", data=9),
    _tensors("trailing bytes and no tensor", {}, "8 bytes after the header"),
    _claims("a gap at the start", tensor(data_offsets=[4, 12]), "4 bytes between the header and tensor 'w'", data=12),
    _tensors(
        "a gap between",
        {"a": tensor(), "b": tensor(data_offsets=[9, 17])},
        "1 bytes between tensor 'a' and tensor 'b'",
        17,
    ),
    _tensors("shared bytes", {"a": tensor(), "b": tensor()}, "tensor 'b' starts at byte 0 and overlaps tensor 'a'"),
    _tensors(
        "bytes that overlap by one",
        {"a": tensor(), "b": tensor("U8", data_offsets=[7, 9])},
        "tensor 'b' starts at byte 7 and overlaps tensor 'a', which ends at 8",
        9,
    ),
]
