"""A folder that is ready for a hub, and nothing sent unasked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tiny_models import Command, Models

from taskvec.checkpoints import publication


def test_a_model_is_published_as_a_folder(models: Models, store: str, done: Command) -> None:
    done("edit", store, "base + 0.5*(math + code)", "-o", "merged")
    words = ("publish", "merged", "-o", "ready", "--license", "apache-2.0", "--base-model", "org/base", "--json")
    answer = done(*words).json
    assert {"README.md", "SHA256SUMS", "config.json", "model.safetensors"} <= set(answer["files"])
    assert answer["url"] is None
    card = Path("ready/README.md").read_text(encoding="utf-8")
    assert card.startswith('---\nlicense: "apache-2.0"\n')
    for said in ('\nbase_model: "org/base"\n', "base_model_relation: merge", "base + 0.5*(math + code)"):
        assert said in card
    assert card.count("\nbase_model:") == card.count("\nlicense:") == 1
    for line in Path("ready/SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((Path("ready") / name).read_bytes()).hexdigest() == digest
    done("inspect", "ready")


def test_a_model_without_a_card_gets_one(models: Models, done: Command) -> None:
    done("publish", "math", "-o", "plain", "--license", "mit")
    card = Path("plain/README.md").read_text(encoding="utf-8")
    assert card.startswith('---\nlicense: "mit"\n')
    assert "# plain\n" in card


def test_it_is_sent_only_where_that_is_asked(
    models: Models, done: Command, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    monkeypatch.setattr(
        publication, "upload", lambda folder, to: sent.append((folder.name, str(to))) or "https://hub/x"
    )
    done("publish", "math", "-o", "one", "--license", "mit")
    assert sent == []
    assert done("publish", "math", "-o", "two", "--license", "mit", "--upload", "me/math", "--json").json["url"]
    assert sent == [("two", "me/math")]
    assert run("publish", "math", "-o", "three", "--license", "mit", "--upload", "math").status == 2
    assert "publish the folder" in run("publish", "math/model.safetensors", "-o", "x", "--license", "mit").stderr
    assert run("publish", "math", "-o", "one", "--license", "mit").status == 1
