"""The circumstances of a result: the machine and the versions, as they are now."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from taskvec._version import __version__
from taskvec.results.result import Machine

_CPU = re.compile(r"model name\s*:\s*(.+)")


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        system=f"{platform.system()} {platform.release()}",
    )


def versions_of(distributions: Iterable[str]) -> dict[str, str]:
    """Look up versions; Python's and our own are always there.

    Args:
        distributions: Names of what else took part.

    Returns:
        Name → version, for all that are installed.
    """
    found = {"python": platform.python_version(), "taskvec": __version__}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        found = _CPU.search(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()
