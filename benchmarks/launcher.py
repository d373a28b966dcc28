"""Run one command from a small process and write down what it cost: ``python -I -S launcher.py REPORT COMMAND …``.

The system starts a child's peak memory at what its parent holds, so a large parent would be measured instead of a small
child; this file imports nothing that is not needed and stays near 10 MB.
"""

import json
import os
import select
import sys
import time

POLL_MILLISECONDS = 20  # how often open files are counted; the end of the command wakes us at once


def main(report: str, *command: str) -> int:
    """Run the command, write the report and pass its exit status on."""
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    open_files = _watch(child)
    seconds = time.perf_counter() - started
    traffic = _traffic(child)
    _, status, usage = os.wait4(child, 0)
    cost = {"seconds": seconds, "peak_bytes": usage.ru_maxrss * 1024, "open_files": open_files, **traffic}
    with open(report, "w", encoding="ascii") as file:  # noqa: PTH123 (pathlib alone would double this process)
        json.dump(cost, file)
    return os.waitstatus_to_exitcode(status)


def _watch(child: int) -> int:
    """Wait until the child ends; return the most files that it was seen to hold open."""
    end = select.poll()
    end.register(os.pidfd_open(child), select.POLLIN)
    most = 0
    while not end.poll(POLL_MILLISECONDS):
        try:
            most = max(most, len(os.listdir(f"/proc/{child}/fd")))  # noqa: PTH208
        except OSError:  # it ended in between
            break
    end.poll()
    return most


def _traffic(child: int) -> dict[str, int]:
    """Bytes that an ended child, and what it had started, read and wrote."""
    with open(f"/proc/{child}/io", encoding="ascii") as file:  # noqa: PTH123
        counts = dict(line.split(": ") for line in file)
    return {
        "read_bytes": int(counts["rchar"]),
        "disk_read_bytes": int(counts["read_bytes"]),
        "written_bytes": int(counts["wchar"]),
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) & 0xFF)
