"""What killed processes left: told from work that is under way by the lock that a living process holds."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path


def remove_abandoned(path: Path) -> bool:
    """Remove a staging folder, or a file of notes, unless a process works with it.

    Args:
        path: The folder or file.

    Returns:
        Whether it was removed; never where the file system cannot lock, because then nobody knows.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
