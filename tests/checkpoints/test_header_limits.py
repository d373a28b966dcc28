"""Headers exactly on their limits: what is just allowed, and what is just not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from taskvec.checkpoints import open_checkpoint, torch_zip
from taskvec.checkpoints.safetensors_header import MAX_HEADER_BYTES, header_length, parse_header
from taskvec.errors import CheckpointError

LARGEST = 2**63 - 1


def header(data_bytes: int = 8, **tensors: object) -> list[tuple[str, int, int]]:
    parsed = parse_header(json.dumps(tensors).encode(), data_bytes)
    return [(placed.info.name, placed.begin, placed.end) for placed in parsed.tensors]


def tensor(begin: int, end: int, *, dtype: str = "U8", shape: list[int] | None = None) -> dict[str, object]:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def test_a_length_is_eight_bytes_of_no_more_than_the_file_and_the_limit() -> None:
    assert MAX_HEADER_BYTES == 100_000_000
    assert header_length((5).to_bytes(8, "little"), 13) == 5
    assert header_length(MAX_HEADER_BYTES.to_bytes(8, "little"), MAX_HEADER_BYTES + 8) == MAX_HEADER_BYTES
    for prefix, size, said in [
        ((5).to_bytes(8, "little"), 12, "claims 5 bytes in a file of 12"),
        ((MAX_HEADER_BYTES + 1).to_bytes(8, "little"), 1 << 40, "more than the 100000000 allowed"),
        (bytes(7), 100, "holds 7 bytes, fewer than the 8"),
    ]:
        with pytest.raises(ValueError, match=said):
            header_length(prefix, size)


def test_tensors_fill_the_file_in_the_order_of_their_bytes() -> None:
    found = header(8, b=tensor(3, 8), a=tensor(0, 3), none=tensor(3, 3))
    assert found == [("a", 0, 3), ("none", 3, 3), ("b", 3, 8)]
    assert header(0) == []


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"a": tensor(0, 3), "b": tensor(2, 8)}, "starts at byte 2 and overlaps .* ends at 3"),
        ({"a": tensor(0, 3), "b": tensor(4, 8)}, "1 bytes between .* belong to no tensor"),
        ({"a": tensor(0, 9)}, "ends at byte 9 of the data, but the file holds only 8"),
        ({"a": tensor(0, 7)}, "1 bytes after .* belong to no tensor"),
        ({"a": tensor(1, 8)}, "1 bytes between the header and .* belong to no tensor"),
        ({"a": {**tensor(0, 8), "data_offsets": [8, 0]}}, "reversed data_offsets"),
        ({"a": {**tensor(0, 8), "data_offsets": [0, 8, 8]}}, r"expected \[begin, end\]"),
        ({"a": {**tensor(0, 8), "data_offsets": [-1, 8]}}, r"expected \[begin, end\]"),
        ({"a": {**tensor(0, 8), "data_offsets": [0, 8.0]}}, r"expected \[begin, end\]"),
        ({"a": {**tensor(0, 8), "data_offsets": [False, 8]}}, r"expected \[begin, end\]"),
        ({"a": {**tensor(0, 8), "shape": [LARGEST + 1]}}, "impossible shape"),
        ({"a": tensor(0, 8, shape=[1] * 64 + [8])}, "impossible shape"),
        ({"a": tensor(0, 8, shape=[2, 3])}, "needs 6 bytes, but its data_offsets .* hold 8"),
        ({"a": tensor(0, 8, dtype="F16", shape=[LARGEST])}, "impossible shape"),
        ({"a": tensor(0, 8, dtype="U9")}, "expected one of"),
        ({"a": {**tensor(0, 8), "dtype": ["U8"]}}, "expected one of"),
        ({"a": [0, 8]}, "expected an object"),
    ],
)
def test_what_is_just_wrong_is_refused(tensors: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        header(8, **tensors)


def test_the_largest_tensor_and_the_most_dimensions_are_believed() -> None:
    assert header(LARGEST, a=tensor(0, LARGEST)) == [("a", 0, LARGEST)]
    assert header(8, a=tensor(0, 8, shape=[1] * 63 + [8])) == [("a", 0, 8)]
    assert header(0, a=tensor(0, 0, shape=[0, LARGEST])) == [("a", 0, 0)]


def test_metadata_are_words_alone() -> None:
    assert parse_header(b'{"__metadata__": {"a": "b"}}', 0).metadata == {"a": "b"}
    assert parse_header(b"{}", 0).metadata == {}
    for wrong in ({"a": 1, "b": "c"}, {"b": "c", "a": None}, ["a"]):
        with pytest.raises(ValueError, match="metadata"):
            parse_header(json.dumps({"__metadata__": wrong}).encode(), 0)


def test_a_description_of_a_zip_is_believed_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "model.bin")
    from zipfile import ZipFile

    with ZipFile(tmp_path / "model.bin") as archive:
        (size,) = (entry.file_size for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
    monkeypatch.setattr(torch_zip, "_MAX_PICKLE_BYTES", size)
    with open_checkpoint(tmp_path / "model.bin") as checkpoint:
        assert list(checkpoint.tensors) == ["a"]
    monkeypatch.setattr(torch_zip, "_MAX_PICKLE_BYTES", size - 1)
    with pytest.raises(CheckpointError, match=f"a description of {size} bytes is not believable"):
        open_checkpoint(tmp_path / "model.bin")
