"""References to a hub: fetched once and only what is needed, found in the cache offline, inspected by headers alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from loopback_hub import REPO, LoopbackHub, serve

from taskvec.checkpoints.hub import HubId, fetched, needed
from taskvec.errors import CheckpointError
from taskvec.testing.checkpoints import save_folder

ARRAYS = {"big.weight": np.ones((300, 1000), np.float32), "small": np.zeros(3, np.float32)}

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    folder = save_folder(tmp_path / "served", ARRAYS, config={"model_type": "tiny"})
    (folder / "pytorch_model.bin").write_bytes(b"the same again")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"and again")
    with serve(folder) as hub:
        yield hub


@pytest.fixture
def run(tmp_path: Path, hub: LoopbackHub) -> Command:
    """Run a command in a process of its own, whose hub is the loopback server."""

    def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        code = "from taskvec.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, cwd=tmp_path,
            timeout=120, env={**os.environ, **own, "NO_PROXY": "*", **environment},
        )  # fmt: skip

    return call


def test_a_repository_is_fetched_once_and_only_what_is_needed(hub: LoopbackHub, run: Command, tmp_path: Path) -> None:
    done = run("store", "init", "store", "--base", REPO)
    assert done.returncode == 0, done.stderr
    assert hub.sent("model.safetensors") > ARRAYS["big.weight"].nbytes
    assert hub.sent("pytorch_model.bin") == hub.sent("model.onnx") == 0
    hub.asked.clear()
    done = run("edit", "--base", REPO, "--vector", f"a={REPO}", "base + a", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert hub.sent("model.safetensors") == 0, "what is in the cache is not fetched again"
    assert (tmp_path / "out" / "config.json").is_file()


def test_offline_the_cache_is_used_and_the_network_is_not(hub: LoopbackHub, run: Command) -> None:
    refused = run("store", "init", "store", "--base", REPO, HF_HUB_OFFLINE="1")
    assert refused.returncode == 1
    assert f"{REPO}: is no path here and not in the cache" in refused.stderr
    assert run("store", "init", "one", "--base", REPO).returncode == 0
    hub.asked.clear()
    for words in (("store", "init", "two", "--base", REPO), ("inspect", REPO)):
        done = run(*words, HF_HUB_OFFLINE="1")
        assert done.returncode == 0, done.stderr
    assert hub.asked == []


def test_headers_are_read_by_ranges(hub: LoopbackHub, run: Command) -> None:
    done = run("inspect", f"{REPO}@main", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {row["name"]: row["shape"] for row in told["tensors"]} == {"big.weight": [300, 1000], "small": [3]}
    assert 0 < hub.sent("model.safetensors") <= 200_000 < ARRAYS["big.weight"].nbytes


def test_a_path_never_reaches_the_network(hub: LoopbackHub, run: Command, tmp_path: Path) -> None:
    save_folder(tmp_path / "org" / "model", ARRAYS)
    assert run("inspect", REPO).returncode == 0
    lost = run("inspect", "org/lost")
    assert "no such file or folder" in lost.stderr
    assert hub.asked == []


def test_what_is_not_there_is_said_in_one_line(run: Command) -> None:
    done = run("store", "init", "store", "--base", "nobody/nothing")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: nobody/nothing: there is no such path here and no such model on the hub")


def test_a_hub_that_is_not_reached_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the HTTP library raises."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    kind = HfHubHTTPError.__mro__[1]  # of the HTTP library, whichever it is

    def unreached(*_: object, **__: object) -> None:
        raise type("ConnectError", (kind,), {})("Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreached)
    monkeypatch.setattr("taskvec.checkpoints.hub.is_offline", lambda: False)
    with pytest.raises(CheckpointError, match=r"^org/lost: is no path here, and the hub did not answer: Name"):
        fetched(HubId("org/lost"))


@pytest.mark.parametrize("words", [("store", "init", "store", "--base", "org/lost"), ("inspect", "org/lost")])
def test_a_hub_that_hangs_up_is_asked_once(run: Command, words: tuple[str, ...]) -> None:
    """The library would ask six times and wait for half a minute in between."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with suppress(OSError):  # it is closed at the end
                while True:
                    caller, _ = listener.accept()
                    asked.append(caller.recv(1 << 16).partition(b"\r\n")[0])
                    caller.close()

        threading.Thread(target=hang_up, daemon=True).start()
        done = run(*words, HF_ENDPOINT=f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert done.returncode == 1
    assert [line for line in asked if b"org/lost" in line] == [b"GET /api/models/org/lost HTTP/1.1"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: org/lost: is no path here, and the hub did not answer: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/name", HubId("org/name")),
        ("org/name@v1.0", HubId("org/name", "v1.0")),
        ("org/name@refs/pr/1", HubId("org/name", "refs/pr/1")),
        ("./org/name", None),
        ("/org/name", None),
        ("name", None),
        ("a/b/c", None),
        ("~/models", None),
    ],
)
def test_what_a_hub_reference_is(text: str, expected: HubId | None) -> None:
    assert HubId.parse(text) == expected


def test_what_is_needed_of_a_repository() -> None:
    names = ["model.safetensors", "model.fp16.safetensors", "pytorch_model.bin", "config.json", "README.md", "a.gguf"]
    assert needed(names) == ["model.safetensors", "config.json"]
    assert needed(["pytorch_model.bin", "vocab.txt"]) == ["pytorch_model.bin", "vocab.txt"]
    pipeline = ["model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/x.bin"]
    assert needed(pipeline) == [pipeline[2], pipeline[0], pipeline[1]]
