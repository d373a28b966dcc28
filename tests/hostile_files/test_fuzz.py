"""Whatever the bytes are, opening them works or is a `CheckpointError`; nothing else ever comes out."""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostile_files.safetensors_headers import with_header
from taskvec.checkpoints import open_checkpoint
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import save_folder, save_safetensors

fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

NUMBERS = st.integers(-2, 20) | st.integers() | st.floats() | st.booleans()
JSON = st.recursive(
    st.none() | NUMBERS | st.text(max_size=5) | st.sampled_from(["F32", "BF16", "U8"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "U8"]) | JSON,
        "shape": st.lists(st.integers(0, 3), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(0, 20), min_size=2, max_size=2) | JSON,
    }
)
HEADERS = st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]) | st.text(max_size=3), CLAIMS | JSON, max_size=4)
EDITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=5)


def edited(contents: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for position, deleted, inserted in edits:
        start = position % (len(contents) + 1)
        contents = contents[:start] + inserted + contents[start + deleted :]
    return contents


def open_or_refuse(path: Path, contents: bytes) -> str:
    """Write a file and read it as a checkpoint; return the refusal, or nothing if all of it can be read."""
    path.write_bytes(contents)
    return refused(path)


def refused(path: Path) -> str:
    try:
        with open_checkpoint(path) as checkpoint:
            for name, info in checkpoint.tensors.items():
                assert checkpoint.read(name).nbytes == info.nbytes
    except CheckpointError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@cache
def true_safetensors(folder: Path) -> bytes:
    arrays = {"a": np.ones((2, 2), np.float32), "b": np.ones(3, np.uint8)}
    return save_safetensors(folder / "true.safetensors", arrays, metadata={"note": "x"}).read_bytes()


@cache
def true_index(folder: Path) -> Path:
    arrays = {"a": np.ones((2, 2), np.float32), "b": np.ones(3, np.uint8)}
    save_folder(folder / "sharded", arrays, shard_size=16)
    return folder / "sharded" / "model.safetensors.index.json"


@cache
def true_bin() -> bytes:
    file = BytesIO()
    torch.save({"a": torch.ones(2, 2), "b": torch.ones(2, 3).t()}, file)
    return file.getvalue()


@fuzz
@given(contents=st.binary(max_size=100))
def test_random_bytes(folder: Path, contents: bytes) -> None:
    assert open_or_refuse(folder / "random.safetensors", contents).isprintable()


@fuzz
@given(header=st.binary(max_size=60), data=st.binary(max_size=8))
def test_random_bytes_as_header(folder: Path, header: bytes, data: bytes) -> None:
    assert open_or_refuse(folder / "header.safetensors", with_header(header, data)).isprintable()


@settings(fuzz, max_examples=300)
@given(header=HEADERS, data=st.integers(0, 24))
def test_random_claims(folder: Path, header: object, data: int) -> None:
    contents = with_header(json.dumps(header).encode(), bytes(data))
    assert open_or_refuse(folder / "claims.safetensors", contents).isprintable()


@settings(fuzz, max_examples=300)
@given(edits=EDITS)
def test_mutated_safetensors(folder: Path, edits: list[tuple[int, int, bytes]]) -> None:
    contents = edited(true_safetensors(folder), edits)
    assert open_or_refuse(folder / "mutated.safetensors", contents).isprintable()


@fuzz
@given(edits=EDITS, start=st.integers(0, 2000))
def test_mutated_bin(folder: Path, edits: list[tuple[int, int, bytes]], start: int) -> None:
    moved = [(start + position, deleted, inserted) for position, deleted, inserted in edits]
    assert open_or_refuse(folder / "mutated.bin", edited(true_bin(), moved)).isprintable()


@fuzz
@given(edits=EDITS)
def test_mutated_index(folder: Path, edits: list[tuple[int, int, bytes]]) -> None:
    index = true_index(folder)
    contents = edited(index.read_bytes(), edits)
    shards = index.parent
    mutated = folder / "mutated_index"
    mutated.mkdir(exist_ok=True)
    for shard in shards.glob("*.safetensors"):
        (mutated / shard.name).write_bytes(shard.read_bytes())
    (mutated / index.name).write_bytes(contents)
    assert refused(mutated).isprintable()


def test_what_is_fuzzed_can_be_read(folder: Path) -> None:
    assert not refused(true_index(folder).parent)
    assert not open_or_refuse(folder / "true.safetensors", true_safetensors(folder))
    assert not open_or_refuse(folder / "true.bin", true_bin())
