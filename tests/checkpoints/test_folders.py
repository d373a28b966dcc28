from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from checkpoint_formats import torch_state_dict, write_index

from taskvec.checkpoints import open_checkpoint, opening
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import save_folder, save_safetensors

ONES, TWOS = np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32)


def value(ref: Path) -> float:
    with open_checkpoint(ref) as checkpoint:
        return float(checkpoint.read("a").mean())


class TestWhichWeights:
    def test_model_safetensors_before_an_index(self, tmp_path: Path) -> None:
        save_folder(tmp_path, {"a": ONES, "b": ONES}, shard_size=24)
        save_folder(tmp_path, {"a": TWOS})
        assert value(tmp_path) == 2

    def test_an_index_before_stray_files(self, tmp_path: Path) -> None:
        save_folder(tmp_path, {"a": TWOS, "b": TWOS}, shard_size=24)
        save_safetensors(tmp_path / "consolidated.safetensors", {"a": ONES})
        assert value(tmp_path) == 2

    def test_safetensors_before_bin(self, tmp_path: Path) -> None:
        torch.save(torch_state_dict({"a": ONES}), tmp_path / "pytorch_model.bin")
        save_folder(tmp_path, {"a": TWOS})
        assert value(tmp_path) == 2

    def test_hidden_files_are_not_the_model(self, tmp_path: Path) -> None:
        save_safetensors(tmp_path / "a.safetensors", {"a": TWOS})
        save_safetensors(tmp_path / ".b.safetensors", {"a": ONES})
        assert value(tmp_path) == 2

    def test_links_into_a_cache_are_followed_and_keep_their_names(self, tmp_path: Path) -> None:
        (tmp_path / "blobs").mkdir()
        (tmp_path / "snapshot").mkdir()
        save_safetensors(tmp_path / "blobs" / "3fa1", {"a": TWOS})
        (tmp_path / "snapshot" / "model.safetensors").symlink_to(tmp_path / "blobs" / "3fa1")
        assert value(tmp_path / "snapshot") == 2
        assert value(tmp_path / "snapshot" / "model.safetensors") == 2

    def test_the_index_and_all_shards_matter(self, tmp_path: Path) -> None:
        save_folder(tmp_path, {"a": ONES, "b": ONES}, shard_size=24)
        with open_checkpoint(tmp_path) as checkpoint:
            assert [file.name for file in checkpoint.files] == [
                "model.safetensors.index.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ]

    def test_more_shards_than_descriptors_are_kept_open(self, tmp_path: Path) -> None:
        arrays = {f"{number:03}": np.full(1, number, np.float32) for number in range(200)}
        save_folder(tmp_path, arrays, shard_size=4)
        with open_checkpoint(tmp_path) as checkpoint:
            assert [checkpoint.read(name).tolist() for name in checkpoint.tensors] == [[n] for n in range(200)]


class TestTied:
    @pytest.mark.parametrize("embeddings", ["model.embed_tokens.weight", "transformer.wte.weight"])
    def test_by_the_config(self, tmp_path: Path, embeddings: str) -> None:
        save_folder(tmp_path, {embeddings: TWOS, "a": ONES}, config={"tie_word_embeddings": True})
        with open_checkpoint(tmp_path) as checkpoint:
            assert checkpoint.tied == {"lm_head.weight": embeddings}
            assert "lm_head.weight" not in checkpoint.tensors
            assert checkpoint.read("lm_head.weight").tolist() == TWOS.tolist()

    @pytest.mark.parametrize("config", [{}, {"tie_word_embeddings": False}, {"tie_word_embeddings": "yes"}, None])
    def test_only_if_the_config_says_so(self, tmp_path: Path, config: dict[str, object] | None) -> None:
        save_folder(tmp_path, {"model.embed_tokens.weight": ONES}, config=config)
        with open_checkpoint(tmp_path) as checkpoint:
            assert not checkpoint.tied

    def test_not_if_the_head_is_there(self, tmp_path: Path) -> None:
        arrays = {"model.embed_tokens.weight": ONES, "lm_head.weight": TWOS}
        save_folder(tmp_path, arrays, config={"tie_word_embeddings": True})
        with open_checkpoint(tmp_path) as checkpoint:
            assert not checkpoint.tied

    @pytest.mark.parametrize("length", [2, 3 << 18])
    @pytest.mark.parametrize("is_changed", [False, True])
    def test_a_head_that_repeats_the_embeddings_is_tied_to_them(
        self, tmp_path: Path, length: int, *, is_changed: bool
    ) -> None:
        embeddings = np.arange(length, dtype=np.float32)
        head = embeddings.copy()
        head[-1] += is_changed
        arrays = {"model.embed_tokens.weight": embeddings, "lm_head.weight": head}
        save_folder(tmp_path, arrays, config={"tie_word_embeddings": True})
        with open_checkpoint(tmp_path) as checkpoint:
            assert ("lm_head.weight" in checkpoint.tensors) is is_changed
            assert ("lm_head.weight" in checkpoint.tied) is not is_changed
            assert checkpoint.read("lm_head.weight").tolist() == head.tolist()

    def test_a_config_may_hold_what_strict_json_may_not(self, tmp_path: Path) -> None:
        save_folder(tmp_path, {"transformer.wte.weight": ONES})
        (tmp_path / "config.json").write_text('{"time_step_limit": [0.0, Infinity], "tie_word_embeddings": true}')
        with open_checkpoint(tmp_path) as checkpoint:
            assert checkpoint.tied == {"lm_head.weight": "transformer.wte.weight"}

    def test_by_the_metadata_of_save_model(self, tmp_path: Path) -> None:
        class Tied(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed = torch.nn.Linear(2, 2, bias=False)
                self.head = torch.nn.Linear(2, 2, bias=False)
                self.head.weight = self.embed.weight

        safetensors.torch.save_model(Tied(), str(tmp_path / "model.safetensors"))
        with open_checkpoint(tmp_path) as checkpoint:
            assert checkpoint.tied == {"head.weight": "embed.weight"}

    def test_metadata_that_names_no_tensor_ties_nothing(self, tmp_path: Path) -> None:
        save_folder(tmp_path, {"a": ONES, "b": ONES}, metadata={"c": "d", "a": "b", "b": "nothing"})
        with open_checkpoint(tmp_path) as checkpoint:
            assert not checkpoint.tied


class TestBinShards:
    def test_names_tied_within_a_shard_count_as_held(self, tmp_path: Path) -> None:
        weight = torch.ones(2)
        torch.save({"a": weight, "b": weight}, tmp_path / "one.bin")
        torch.save({"c": torch.ones(3)}, tmp_path / "two.bin")
        write_index(tmp_path / "pytorch_model.bin.index.json", {"a": "one.bin", "b": "one.bin", "c": "two.bin"})
        with open_checkpoint(tmp_path) as checkpoint:
            assert list(checkpoint.tensors) == ["a", "c"]
            assert checkpoint.tied == {"b": "a"}


class TestSidecars:
    def test_everything_but_weights_goes_along(self, tmp_path: Path) -> None:
        save_folder(tmp_path, {"a": ONES, "b": ONES}, shard_size=24, config={})
        kept = [
            "LICENSE",
            "chat_template.jinja",
            "config.json",
            "merges.txt",
            "scheduler_config.json",
            "tokenizer.json",
        ]
        left = [
            "README.md",
            ".gitattributes",
            "pytorch_model.bin",
            "pytorch_model.bin.index.json",
            "optimizer.pt",
            "training_args.bin",
            "rng_state.pth",
            "flax_model.msgpack",
            "tf_model.h5",
            "model-Q4.gguf",
            "model.onnx",
            "Adapter.SafeTensors",
        ]
        for name in [*kept, *left]:
            (tmp_path / name).write_text("{}")
        for folder in ("onnx", ".git"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "inner.json").write_text("{}")
        with open_checkpoint(tmp_path) as checkpoint:
            assert checkpoint.sidecars == tuple(map(Path, kept))

    def test_links_out_of_the_folder_go_along_and_broken_ones_do_not(self, tmp_path: Path) -> None:
        folder = save_folder(tmp_path / "model", {"a": ONES})
        (tmp_path / "blob").write_text("{}")
        (folder / "tokenizer.json").symlink_to(tmp_path / "blob")
        (folder / "gone.json").symlink_to(tmp_path / "nowhere")
        with open_checkpoint(folder) as checkpoint:
            assert checkpoint.sidecars == (Path("tokenizer.json"),)

    def test_a_single_file_has_none(self, tmp_path: Path) -> None:
        save_folder(tmp_path, {"a": ONES}, config={})
        with open_checkpoint(tmp_path / "model.safetensors") as checkpoint:
            assert checkpoint.sidecars == ()


class TestReferences:
    def test_the_ref_is_kept_and_the_path_absolute(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save_folder(tmp_path / "model", {"a": TWOS})
        monkeypatch.chdir(tmp_path)
        with open_checkpoint("model") as checkpoint:
            assert checkpoint.ref == "model"
            assert checkpoint.path == tmp_path / "model"
            assert repr(checkpoint) == "<Checkpoint model: 1 tensors, 24 bytes>"
            assert checkpoint.num_params == 6

    def test_home_is_expanded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save_folder(tmp_path / "model", {"a": TWOS})
        monkeypatch.setenv("HOME", str(tmp_path))
        assert value(Path("~/model")) == 2

    @pytest.mark.parametrize("ref", ["org/name", "org/name@main", "Org-1/name_2.5-b"])
    def test_a_hub_id_is_asked_of_the_hub(self, ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save_folder(tmp_path / "snapshot", {"a": TWOS})
        asked = []
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(opening, "fetched", lambda hub_id: asked.append(str(hub_id)) or tmp_path / "snapshot")
        assert value(ref) == 2
        assert asked == [ref]

    @pytest.mark.parametrize("ref", ["nowhere", "/nowhere/at/all", "./org/name", "~/nowhere/at/all"])
    def test_a_missing_path(self, ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(CheckpointError, match=f"^{ref}: no such file or folder$"):
            open_checkpoint(ref)

    @pytest.mark.parametrize("ref", ["x" * 5000, "~nobody-of-that-name/model"])
    def test_what_is_no_path(self, ref: str) -> None:
        with pytest.raises(CheckpointError, match="is no path"):
            open_checkpoint(ref)

    def test_an_unknown_kind_of_file(self, tmp_path: Path) -> None:
        (tmp_path / "model.h5").write_bytes(b"GGUF")
        with pytest.raises(CheckpointError, match=r"model\.h5: files of this kind are not supported; name a folder or"):
            open_checkpoint(tmp_path / "model.h5")


class TestHeadersOnly:
    def test_a_terabyte_opens_at_once(self, tmp_path: Path) -> None:
        elements = 1 << 38
        header = json.dumps({"w": {"dtype": "F32", "shape": [elements], "data_offsets": [0, 4 * elements]}}).encode()
        with (tmp_path / "model.safetensors").open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + 4 * elements)
        out = np.ones(3, np.float32)
        with open_checkpoint(tmp_path) as checkpoint:
            checkpoint.read_into("w", elements - 3, out)
        assert out.tolist() == [0, 0, 0]
