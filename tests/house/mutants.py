"""Whether the tests bite: give the source one small wrong after the other, and see a test of its room fail.

Run as ``make mutants``. The environment may say ``ALL=1`` for every mutant, ``SEED`` and ``SAMPLE`` for another sample,
``ROOM`` for the rooms whose name contains a word, and ``WORKERS``. ``mutants.toml`` says which tests are each room's,
and ``equal_mutants.toml`` which mutants mean the same as the source, so that no test can notice them. Everything
happens in copies of the repository.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from mutations import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "pyproject.toml", "README.md")
ENOUGH = 0.95
SAMPLED = 120
MOST_BYTES = 6 << 30
KILLED, TIMED_OUT, LIVING = "killed", "timed out", "living"

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Room:
    """Source files and the tests that answer for them.

    Attributes:
        name: What it is called.
        patterns: What finds its files below ``src/taskvec``.
        tests: Test folders or files, from the repository's root.
    """

    name: str
    patterns: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> list[Path]:
        """Its source files, from the repository's root."""
        package = ROOT / "src" / "taskvec"
        return sorted(file.relative_to(ROOT) for pattern in self.patterns for file in package.glob(pattern))

    def mutants(self) -> list[Mutant]:
        """Every wrong that its files can be given, without those that are equal in meaning."""
        equal = equal_mutants()
        return [mutant for file in self.files() for mutant in mutants_of(file, ROOT) if mutant.content not in equal]


def rooms() -> list[Room]:
    """Read the rooms, in the order in which they are run."""
    found = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8"))["rooms"]
    return [
        Room(name, tuple(room["files"]), tuple(f"tests/{test}" for test in room["tests"]))
        for name, room in found.items()
    ]


def equal_mutants() -> Mapping[tuple[str, str, str], str]:
    """Read the mutants that are equal in meaning: file's stem, line and what becomes of it → the reason."""
    path = Path(__file__).with_name("equal_mutants.toml")
    found = tomllib.loads(path.read_text(encoding="utf-8")).get("equal", [])
    return {(each["file"], each["line"], each["becomes"]): each["reason"] for each in found}


@dataclass(frozen=True)
class Copy:
    """A copy of the repository in which one mutant lives at a time."""

    root: Path

    @classmethod
    def of(cls, source: Path, root: Path) -> Copy:
        """Copy a repository with the times of its files, so that what was compiled of them stays true."""
        for name in COPIED:
            if (source / name).is_dir():
                shutil.copytree(source / name, root / name)
            else:
                shutil.copy2(source / name, root / name)
        (root / "home").mkdir()
        return cls(root)

    def passes(self, tests: Sequence[str], limit_s: float | None = None, first: str = "") -> bool:
        """Run tests up to the first that fails.

        Args:
            tests: Folders or files.
            limit_s: Seconds after which they are stopped.
            first: A word; files with it in their names are run before the others.

        Returns:
            Whether all passed.

        Raises:
            subprocess.TimeoutExpired: If they were stopped.
        """
        home = str(self.root / "home")
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "NUMBA", "PYTEST"))},
            "PYTHONPATH": str(self.root / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",  # what is written within a second would be taken for the file's own
            "HOME": home,
            "TMPDIR": home,
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),  # a worker is a core
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:xdist", *self._files(tests, first)]
        with subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=_limit_memory,  # noqa: PLW1509
        ) as process:  # fmt: skip
            try:
                return process.wait(limit_s) == 0
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, 9)

    def _files(self, tests: Sequence[str], first: str) -> list[str]:
        """Return test files: first those of a name, then those of the room in its order, then the rest of folders."""
        paths = (self.root / test for test in tests)
        files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("test_*.py")))]
        return [str(file) for file in sorted(dict.fromkeys(files), key=lambda file: first not in file.stem)]

    def fate_of(self, mutant: Mutant, tests: Sequence[str], limit_s: float) -> str:
        """Put a mutant into the copy, run the tests, and take it out again."""
        path = self.root / mutant.path
        source, times = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(mutant.applied(source), encoding="utf-8")
        try:
            return LIVING if self.passes(tests, limit_s, mutant.path.stem) else KILLED
        except subprocess.TimeoutExpired:
            return TIMED_OUT
        finally:
            path.write_text(source, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _limit_memory() -> None:
    """Let a mutant that takes memory without end fail before the machine does."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


def chosen() -> list[tuple[Room, Mutant]]:
    """Return the mutants to run, room by room."""
    word = os.environ.get("ROOM", "")
    found = [(room, mutant) for room in rooms() if word in room.name for mutant in room.mutants()]
    if os.environ.get("ALL"):
        return found
    count = min(int(os.environ.get("SAMPLE") or SAMPLED), len(found))
    places = random.Random(int(os.environ.get("SEED") or 0)).sample(range(len(found)), count)  # noqa: S311
    return [found[place] for place in sorted(places)]


class Copies:
    """Copies of the repository, one a worker, each lent to one thread at a time."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._waiting: SimpleQueue[Copy] = SimpleQueue()
        self._pool = ThreadPoolExecutor(workers)
        for number in range(workers):
            self._waiting.put(Copy.of(ROOT, folder / str(number)))

    def map(self, work: Callable[[Copy, Item], Outcome], items: Iterable[Item]) -> list[Outcome]:
        """Return ``work(copy, item)`` of every item, in order."""

        def lent(item: Item) -> Outcome:
            copy = self._waiting.get()
            try:
                return work(copy, item)
            finally:
                self._waiting.put(copy)

        return list(self._pool.map(lent, items))


def limit_of(copy: Copy, room: Room) -> float:
    """Run a room's tests on what is right, which have to pass; returns after how many seconds a mutant hangs."""
    begun = time.monotonic()
    if not copy.passes(room.tests):
        raise SystemExit(f"{room.name}: {' '.join(room.tests)} fail without any mutant: mend them first")
    taken = time.monotonic() - begun
    print(f"{room.name}: its tests take {taken:.0f} s", flush=True)
    return 30 + 5 * taken


def run(work: Sequence[tuple[Room, Mutant]], folder: Path, workers: int) -> list[str]:
    """Return the fate of every mutant."""
    copies = Copies(folder, workers)
    wanted = list(dict.fromkeys(room for room, _ in work))
    limits = dict(zip(wanted, copies.map(limit_of, wanted), strict=True))

    def fate(copy: Copy, item: tuple[Room, Mutant]) -> str:
        room, mutant = item
        found = copy.fate_of(mutant, room.tests, limits[room])
        print(f"{found}: {mutant}" if found == LIVING else f"{found}: {mutant.path}:{mutant.line}", flush=True)
        return found

    return copies.map(fate, work)


def main() -> None:
    """Run what is chosen, say how many live, and fail if they are too many."""
    work = chosen()
    print(f"{len(work)} mutants", flush=True)
    with tempfile.TemporaryDirectory(prefix="taskvec-mutants-") as folder:
        fates = run(work, Path(folder), int(os.environ.get("WORKERS") or os.cpu_count() or 1))
    by_room = Counter((room.name, fate) for (room, _), fate in zip(work, fates, strict=True))
    print(f"\n{'room':<28}{KILLED:>10}{TIMED_OUT:>12}{LIVING:>10}")
    for name in dict.fromkeys(room.name for room, _ in work):
        print(f"{name:<28}{by_room[name, KILLED]:>10}{by_room[name, TIMED_OUT]:>12}{by_room[name, LIVING]:>10}")
    share = 1 - fates.count(LIVING) / max(len(fates), 1)
    print(f"{share:.1%} of {len(fates)} mutants were noticed")
    if share < ENOUGH:
        sys.exit(f"expected {ENOUGH:.0%}: write tests that notice them, or name what is equal in equal_mutants.toml")


if __name__ == "__main__":
    main()
