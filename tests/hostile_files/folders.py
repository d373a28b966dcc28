"""Folders whose files contradict each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hostile_files.hostile_file import HostileFile
from taskvec.testing.checkpoints import save_folder, save_safetensors

INDEX = "model.safetensors.index.json"
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
ONES = np.ones(2, np.float32)


def _two_shards(folder: Path) -> dict[str, object]:
    save_folder(folder, {"a": ONES, "b": ONES}, shard_size=8)
    return dict(json.loads((folder / INDEX).read_text())["weight_map"])


def _mapped(change: Callable[[dict[str, object]], None]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        weight_map = _two_shards(folder)
        change(weight_map)
        (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
        return folder

    return make


def _index_text(text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        _two_shards(folder)
        (folder / INDEX).write_text(text)
        return folder

    return make


def _without_a_shard(folder: Path) -> Path:
    _two_shards(folder)
    (folder / SECOND).unlink()
    return folder


def _truncated_shard(folder: Path) -> Path:
    _two_shards(folder)
    contents = (folder / SECOND).read_bytes()
    (folder / SECOND).write_bytes(contents[:-1])
    return folder


def _extra_tensor(folder: Path) -> Path:
    _two_shards(folder)
    save_safetensors(folder / SECOND, {"b": ONES, "stray": ONES})
    return folder


def _same_tensor_twice(folder: Path) -> Path:
    _two_shards(folder)
    save_safetensors(folder / SECOND, {"b": ONES, "a": ONES * 2})
    return folder


def _shard_that_is_a_folder(folder: Path) -> Path:
    _without_a_shard(folder)
    (folder / SECOND).mkdir()
    return folder


def _unindexed(folder: Path) -> Path:
    for name in ("one", "two"):
        save_safetensors(folder / f"{name}.safetensors", {"a": ONES})
    return folder


def _two_indexes(folder: Path) -> Path:
    _two_shards(folder)
    (folder / "other.safetensors.index.json").write_bytes((folder / INDEX).read_bytes())
    return folder


def _broken_config(text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        save_folder(folder, {"a": ONES})
        (folder / "config.json").write_text(text)
        return folder

    return make


HOSTILE_FOLDERS = [
    HostileFile("no weights", lambda folder: folder, "", "holds no model.safetensors"),
    HostileFile("files without an index", _unindexed, "", "holds 'one.safetensors', 'two.safetensors'"),
    HostileFile("two indexes", _two_indexes, "", "'other.safetensors.index.json'"),
    HostileFile("a missing shard", _without_a_shard, SECOND, "is missing, but model.safetensors.index.json names it"),
    HostileFile("a truncated shard", _truncated_shard, SECOND, "the file holds only 7"),
    HostileFile("a shard that is a folder", _shard_that_is_a_folder, SECOND, "is not a regular file"),
    HostileFile(
        "a tensor the index omits", _extra_tensor, SECOND, "holds tensor 'stray', which model.safetensors.index"
    ),
    HostileFile(
        "a tensor in two shards", _same_tensor_twice, SECOND, "holds tensor 'a', which model.safetensors.index"
    ),
    HostileFile("a tensor no shard has", _mapped(lambda m: m.update(c=FIRST)), FIRST, "holds no tensor 'c', but model"),
    HostileFile("a tensor elsewhere", _mapped(lambda m: m.update(a=SECOND)), SECOND, "holds no tensor 'a', but model"),
    HostileFile("a path upwards", _mapped(lambda m: m.update(a="../secret")), INDEX, "is said to be in '../secret'"),
    HostileFile("an absolute path", _mapped(lambda m: m.update(a="/etc/passwd")), INDEX, "in '/etc/passwd'"),
    HostileFile("the folder itself", _mapped(lambda m: m.update(a="..")), INDEX, "is said to be in '..'"),
    HostileFile("no file name", _mapped(lambda m: m.update(a="")), INDEX, "is said to be in ''"),
    HostileFile("a name of two lines", _mapped(lambda m: m.update(a="a\nb")), INDEX, "is said to be in 'a\\nb'"),
    HostileFile("a zero byte", _mapped(lambda m: m.update(a="a\0b")), INDEX, "is said to be in 'a\\x00b'"),
    HostileFile("a number for a shard", _mapped(lambda m: m.update(a=1)), INDEX, "is said to be in 1"),
    HostileFile("an index that is no JSON", _index_text("{"), INDEX, "malformed"),
    HostileFile("an index that is a list", _index_text("[]"), INDEX, "it is [], expected an object"),
    HostileFile("an index without a map", _index_text("{}"), INDEX, "weight_map is None"),
    HostileFile("a map that is a list", _index_text('{"weight_map": []}'), INDEX, "weight_map is []"),
    HostileFile("an index nested deeply", _index_text('{"a":' * 100_000), INDEX, "nests too deeply"),
    HostileFile(
        "a tensor mapped twice",
        _index_text(f'{{"weight_map": {{"a": "{FIRST}", "b": "{SECOND}", "a": "{SECOND}"}}}}'),
        INDEX,
        "'a' appears twice",
    ),
    HostileFile("a broken config", _broken_config("{"), "config.json", "is not JSON"),
    HostileFile("a config that is a list", _broken_config("[]"), "config.json", "is not a JSON object"),
    HostileFile("a config nested deeply", _broken_config('{"a":' * 100_000), "config.json", "is not JSON"),
]
