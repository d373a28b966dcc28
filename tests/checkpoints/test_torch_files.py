from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from taskvec.checkpoints import Checkpoint, open_checkpoint, torch_file
from taskvec.checkpoints.held import HeldTensor
from taskvec.checkpoints.table import FileSpan
from taskvec.errors import CheckpointError, MissingExtraError


def saved(folder: Path, state_dict: object, **options: bool) -> Path:
    torch.save(state_dict, folder / "model.bin", **options)
    return folder / "model.bin"


def source_kind(checkpoint: Checkpoint, name: str) -> type:
    return type(checkpoint.source(name))


@pytest.mark.parametrize("zipped", [True, False])
class TestSharedStorage:
    def test_the_same_elements_under_two_names_are_tied(self, tmp_path: Path, zipped: bool) -> None:
        weight = torch.arange(6.0).reshape(2, 3)
        state = {"embed": weight, "other": weight + 1, "head": weight, "view": weight[:]}
        with open_checkpoint(saved(tmp_path, state, _use_new_zipfile_serialization=zipped)) as checkpoint:
            assert list(checkpoint.tensors) == ["embed", "other"]
            assert checkpoint.tied == {"head": "embed", "view": "embed"}

    def test_other_elements_of_one_storage_are_not(self, tmp_path: Path, zipped: bool) -> None:
        weight = torch.arange(6.0).reshape(2, 3)
        square = torch.arange(4.0).reshape(2, 2)
        state = {
            "all": weight,
            "row": weight[1],
            "first": weight[0],
            "flat": weight.reshape(-1),
            "strided": weight[:, 1],
            "square": square,
            "turned": square.t(),
            "negated": torch._neg_view(weight),
            "empty": weight[:0],
            "void": torch.zeros(0, 3),
        }
        with open_checkpoint(saved(tmp_path, state, _use_new_zipfile_serialization=zipped)) as checkpoint:
            assert not checkpoint.tied
            for name, tensor in state.items():
                assert checkpoint.read(name).tolist() == tensor.tolist(), name


class TestWhereTheBytesAre:
    def test_in_the_zip_for_contiguous_tensors_alone(self, tmp_path: Path) -> None:
        state = {"plain": torch.ones(2, 3), "turned": torch.arange(6.0).reshape(2, 3).t()}
        with open_checkpoint(saved(tmp_path, state)) as checkpoint:
            assert source_kind(checkpoint, "plain") is FileSpan
            assert source_kind(checkpoint, "turned") is HeldTensor
            assert checkpoint.read("turned").tolist() == state["turned"].tolist()

    def test_in_the_zip_whatever_else_was_saved(self, tmp_path: Path) -> None:
        state = {"optimizer": {"state": {0: torch.ones(5)}}, "model": {str(n): torch.full((n,), n) for n in range(9)}}
        with open_checkpoint(saved(tmp_path, state)) as checkpoint:
            for name, tensor in state["model"].items():
                assert source_kind(checkpoint, name) is FileSpan
                assert checkpoint.read(name).tolist() == tensor.tolist()

    def test_in_memory_for_zips_that_another_program_wrote_anew(self, tmp_path: Path) -> None:
        path = saved(tmp_path, {"a": torch.arange(3.0), "b": torch.arange(50.0)})
        with zipfile.ZipFile(path) as before, zipfile.ZipFile(tmp_path / "anew.bin", "w") as after:
            for entry in reversed(before.infolist()):
                after.writestr(entry.filename, before.read(entry))
        with open_checkpoint(tmp_path / "anew.bin") as checkpoint:
            assert source_kind(checkpoint, "b") is HeldTensor
            assert checkpoint.read("b").tolist() == list(range(50))

    def test_in_memory_for_old_files(self, tmp_path: Path) -> None:
        with open_checkpoint(saved(tmp_path, {"a": torch.ones(2)}, _use_new_zipfile_serialization=False)) as checkpoint:
            assert source_kind(checkpoint, "a") is HeldTensor

    def test_saved_on_a_gpu(self, tmp_path: Path) -> None:
        path = saved(tmp_path, {"a": torch.arange(3.0)}, _use_new_zipfile_serialization=False)
        contents = path.read_bytes()
        assert contents.count(b"X\x03\x00\x00\x00cpu") == 1
        path.write_bytes(contents.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
        with open_checkpoint(path) as checkpoint:
            assert checkpoint.read("a").tolist() == [0, 1, 2]


class TestStateDicts:
    def test_a_module_s_parameters_and_buffers(self, tmp_path: Path) -> None:
        module = torch.nn.BatchNorm1d(3)
        with open_checkpoint(saved(tmp_path, module.state_dict())) as checkpoint:
            assert list(checkpoint.tensors) == list(module.state_dict())
            assert checkpoint.read("num_batches_tracked").tolist() == 0

    def test_a_bare_parameter(self, tmp_path: Path) -> None:
        with open_checkpoint(saved(tmp_path, {"a": torch.nn.Parameter(torch.ones(2))})) as checkpoint:
            assert checkpoint.read("a").tolist() == [1, 1]

    @pytest.mark.parametrize("key", ["state_dict", "model"])
    def test_nested(self, tmp_path: Path, key: str) -> None:
        with open_checkpoint(saved(tmp_path, {key: {"a": torch.ones(2)}, "epoch": 1})) as checkpoint:
            assert list(checkpoint.tensors) == ["a"]

    def test_a_tensor_called_model(self, tmp_path: Path) -> None:
        with open_checkpoint(saved(tmp_path, {"model": torch.ones(2)})) as checkpoint:
            assert list(checkpoint.tensors) == ["model"]

    def test_sparse_tensors_are_refused_by_name(self, tmp_path: Path) -> None:
        with torch.sparse.check_sparse_tensor_invariants():
            path = saved(tmp_path, {"a": torch.ones(2), "s": torch.eye(2).to_sparse()})
        with pytest.raises(
            CheckpointError, match=r"model\.bin: tensor 's' is torch\.float32 in layout torch\.sparse_coo"
        ):
            open_checkpoint(path)


class TestWithoutTorch:
    def test_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = saved(tmp_path, {"a": torch.ones(2)})
        monkeypatch.setattr(torch_file, "find_spec", lambda _: None)
        with pytest.raises(MissingExtraError, match=r"pip install 'taskvec\[torch\]'"):
            open_checkpoint(path)

    def test_safetensors_never_import_it(self, tmp_path: Path) -> None:
        script = (
            "import sys, numpy; from pathlib import Path\n"
            "from taskvec.checkpoints import open_checkpoint; from taskvec.testing.checkpoints import save_folder\n"
            "open_checkpoint(save_folder(Path(sys.argv[1]), {'a': numpy.ones(2)})).read('a')\n"
            "sys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 0
