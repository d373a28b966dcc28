from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from hostile_files.folders import HOSTILE_FOLDERS
from hostile_files.hostile_file import HostileFile
from hostile_files.safetensors_headers import HOSTILE_HEADERS
from hostile_files.torch_pickles import HOSTILE_PICKLES, MARK
from taskvec.checkpoints import open_checkpoint
from taskvec.errors import CheckpointError

EVERY_ATTACK = [*HOSTILE_HEADERS, *HOSTILE_FOLDERS, *HOSTILE_PICKLES]
ALLOWED_SECONDS = 60  # of computing: no attack takes one, and one that works takes hours
ALLOWED_BYTES = 64 << 20


@pytest.mark.parametrize("attack", EVERY_ATTACK, ids=[attack.name for attack in EVERY_ATTACK])
def test_is_refused_in_one_line_that_names_the_file(attack: HostileFile, tmp_path: Path) -> None:
    ref = attack.make(tmp_path)
    with pytest.raises(CheckpointError) as refusal:
        open_checkpoint(ref)
    message = str(refusal.value)
    assert str(tmp_path / attack.blamed) in message
    assert attack.complaint in message
    assert message.isprintable()
    assert len(message) < 1000


@pytest.mark.parametrize("attack", EVERY_ATTACK, ids=[attack.name for attack in EVERY_ATTACK])
def test_takes_neither_long_nor_much_memory(attack: HostileFile, tmp_path: Path) -> None:
    ref = attack.make(tmp_path)
    tracemalloc.start()
    started = time.thread_time()
    with pytest.raises(CheckpointError):
        open_checkpoint(ref)
    seconds, (_, peak) = time.thread_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < ALLOWED_SECONDS
    assert peak < ALLOWED_BYTES


@pytest.mark.parametrize("attack", HOSTILE_PICKLES, ids=[attack.name for attack in HOSTILE_PICKLES])
def test_runs_nothing(attack: HostileFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = attack.make(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError):
        open_checkpoint(ref)
    assert not Path(MARK).exists()
