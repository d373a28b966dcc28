"""mergekit in an environment of its own, made once under the cache from pinned versions."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.machine import REPOSITORY
from benchmarks.setting import Setting

MERGEKIT = "mergekit 0.1.5"
CONSTRAINTS = (REPOSITORY / "constraints.txt", Path(__file__).with_name("mergekit-constraints.txt"))


def mergekit_environment(setting: Setting) -> Path:
    """Return the folder of mergekit's programs, installed when they are not there.

    Raises:
        BenchmarkError: If pip cannot install it; its last words are in the message.
    """
    pins = b"".join(file.read_bytes() for file in CONSTRAINTS)
    folder = setting.cache / f"mergekit-{hashlib.blake2b(pins, digest_size=6).hexdigest()}"
    ready = folder / "ready"  # written last: an environment cannot be renamed into its place
    if not ready.exists():
        setting.say(f"installing {MERGEKIT} for comparison; this takes a minute or two")
        venv.create(folder, clear=True, with_pip=True)
        _install(folder / "bin" / "python")
        ready.touch()
    return folder / "bin"


def _install(python: Path) -> None:
    pins = [word for file in CONSTRAINTS for word in ("--constraint", str(file))]
    command: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *pins,
        "mergekit",
    ]
    done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
        raise BenchmarkError(f"{MERGEKIT} cannot be installed: {last[0]}")
