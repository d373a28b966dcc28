"""Our command measured as the launcher of benchmarks does, but forked where all that it imports is there already."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import launcher
from taskvec.cli.main import main

SPAWN = os.posix_spawnp


def launch(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Be the launcher of one command, in a process that ends with it.

    Args:
        words: Where the report goes, and the command.
        environment: That of the command.
    """
    os.environ.update(environment)
    os.posix_spawnp = _begin
    sys.exit(launcher.main(*words) & 0xFF)


def _begin(program: str, words: Sequence[str], environment: Mapping[str, str]) -> int:
    if Path(program).name != "taskvec":
        return SPAWN(program, words, environment)
    if child := os.fork():
        return child
    status = 1
    try:
        sys.argv = list(words)
        main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
