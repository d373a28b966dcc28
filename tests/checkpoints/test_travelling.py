"""Checkpoints of every kind travel: pickled, here or in another process, they are the same and read the same bytes."""

from __future__ import annotations

import multiprocessing
import pickle  # noqa: S403
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_descriptions import described, travelled
from checkpoint_kinds import KINDS

from taskvec.checkpoints import CheckpointWriter, open_checkpoint
from taskvec.checkpoints.local_files import LOCAL, use_files
from taskvec.checkpoints.pipeline_folder import Component
from taskvec.checkpoints.pipeline_writer import PipelineWriter
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import save_safetensors
from taskvec.testing.files import FaultyFiles
from taskvec.types import DType, TensorInfo


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """Another process, which has opened nothing."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_here_and_elsewhere(kind: str, tmp_path: Path, elsewhere: ProcessPoolExecutor) -> None:
    checkpoint = KINDS[kind](tmp_path)
    expected = described(checkpoint)
    assert expected["bytes"]
    assert described(travelled(checkpoint)) == expected
    assert elsewhere.submit(described, checkpoint).result() == expected
    assert elsewhere.submit(travelled, checkpoint).result().tensors == checkpoint.tensors


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"zeros", "random"}])
def test_a_file_that_changed_on_the_way_is_an_error(kind: str, tmp_path: Path, elsewhere: ProcessPoolExecutor) -> None:
    checkpoint = KINDS[kind](tmp_path)
    for path in checkpoint.files:
        path.write_bytes(path.read_bytes() + b"0")
    with pytest.raises(CheckpointError, match="changed after its header was read"):
        elsewhere.submit(described, checkpoint).result()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"zeros", "random"}])
def test_a_file_that_is_gone_is_an_error(kind: str, tmp_path: Path) -> None:
    checkpoint = KINDS[kind](tmp_path)
    sent = pickle.dumps(checkpoint)
    LOCAL.reading.forget_all()
    for path in checkpoint.files:
        path.unlink()
    with pytest.raises(CheckpointError, match="cannot be opened: No such file"):
        described(pickle.loads(sent))  # noqa: S301


def test_handles_stay_and_are_opened_when_something_is_read(tmp_path: Path) -> None:
    ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.ones(4, np.float32)})
    sent = pickle.dumps(open_checkpoint(ref))
    LOCAL.reading.forget_all()
    loaded = pickle.loads(sent)  # noqa: S301
    assert len(LOCAL.reading) == 0
    assert loaded.read("a").tolist() == [1, 1, 1, 1]
    assert len(LOCAL.reading) == 1
    loaded.close()
    assert len(LOCAL.reading) == 0


@pytest.mark.parametrize("name", ["a.safetensors", "a.bin"])
def test_weights_stay_where_they_are(name: str, tmp_path: Path) -> None:
    if name.endswith(".bin"):  # held in memory, for it cannot be read in pieces
        torch.save({"a": torch.ones(10**5)}, tmp_path / name, _use_new_zipfile_serialization=False)
    else:
        save_safetensors(tmp_path / name, {"a": np.ones(10**5, np.float32)})
    assert len(pickle.dumps(open_checkpoint(tmp_path / name))) < 5000


def test_what_is_closed_comes_closed(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_safetensors(tmp_path / "a.safetensors", {"a": np.ones(4, np.float32)}))
    checkpoint.close()
    with pytest.raises(CheckpointError, match="is closed"):
        travelled(checkpoint).read("a")


def test_files_that_stand_in_for_others_come_along(tmp_path: Path) -> None:
    ref = save_safetensors(tmp_path / "a.safetensors", {"a": np.ones(1000, np.float32)})
    with use_files(FaultyFiles(ends=500)):
        checkpoint = open_checkpoint(ref)
    with pytest.raises(CheckpointError, match="ends at byte 500"):
        travelled(checkpoint).read("a")


@pytest.mark.parametrize("components", [(), ("unet", "text")])
def test_a_writer_writes_elsewhere_what_it_knows_here(
    components: tuple[str, ...], tmp_path: Path, elsewhere: ProcessPoolExecutor
) -> None:
    infos = [TensorInfo(f"{c}.{name}", DType.F32, (6,)) for c in components or ("model",) for name in "ab"]
    parts = [Component(name, "model.safetensors") for name in components]
    writer = PipelineWriter(tmp_path, infos, parts) if parts else CheckpointWriter(tmp_path, infos, shard_size=24)
    with writer:
        for info in infos:
            elsewhere.submit(writer.write, info.name, 0, np.full(4, len(info.name), np.float32)).result()
            writer.skip(info.name, 4)
            writer.write(info.name, 4, np.zeros(2, np.float32))
    for folder, prefix in [(tmp_path / c, f"{c}.") for c in components] or [(tmp_path, "")]:
        with open_checkpoint(folder) as checkpoint:
            for name in checkpoint.tensors:
                assert checkpoint.read(name).tolist() == [*[len(prefix + name)] * 4, 0, 0]
