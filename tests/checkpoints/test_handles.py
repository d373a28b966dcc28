from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from taskvec.checkpoints.handles import Handles


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / str(number) for number in range(6)]
    for path in paths:
        path.write_text(path.name)
    return paths


@pytest.fixture
def opened() -> list[Path]:
    return []


@pytest.fixture
def pool(opened: list[Path]) -> Handles[Path]:
    def open_file(path: Path) -> int:
        opened.append(path)
        return os.open(path, os.O_RDONLY)

    return Handles(open_file, limit=2)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class TestPool:
    def test_opens_a_file_once(self, pool: Handles[Path], opened: list[Path], files: list[Path]) -> None:
        for _ in range(3):
            with pool.borrow(files[0]) as descriptor:
                assert os.pread(descriptor, 9, 0) == b"0"
        assert opened == files[:1]

    def test_closes_the_least_recently_used(self, pool: Handles[Path], opened: list[Path], files: list[Path]) -> None:
        for index in (0, 1, 0, 2, 0, 1):
            with pool.borrow(files[index]):
                pass
        assert opened == [files[0], files[1], files[2], files[1]]
        assert len(pool) == 2

    def test_never_closes_what_is_borrowed(self, pool: Handles[Path], files: list[Path]) -> None:
        with ExitStack() as stack:
            descriptors = [stack.enter_context(pool.borrow(path)) for path in files]
            assert [os.pread(descriptor, 9, 0) for descriptor in descriptors] == [b"0", b"1", b"2", b"3", b"4", b"5"]
            assert len(pool) == len(files)
        with pool.borrow(files[0]):
            pass
        pool.forget([files[0]])
        with pool.borrow(files[0]):
            assert len(pool) == pool.limit

    def test_forgets_at_once_or_after_the_last_borrower(self, pool: Handles[Path], files: list[Path]) -> None:
        with pool.borrow(files[0]) as idle:
            pass
        pool.forget(files)
        assert not is_open(idle)
        with pool.borrow(files[1]) as outer:
            with pool.borrow(files[1]) as inner:
                pool.forget(files)
                assert inner == outer
            assert os.pread(outer, 9, 0) == b"1"
        assert not is_open(outer)

    def test_closes_all_when_it_is_dropped(self, files: list[Path]) -> None:
        pool: Handles[Path] = Handles(lambda path: os.open(path, os.O_RDONLY), limit=9)
        descriptors = []
        for path in files:
            with pool.borrow(path) as descriptor:
                descriptors.append(descriptor)
        assert all(map(is_open, descriptors))
        del pool
        assert not any(map(is_open, descriptors))

    def test_survives_many_threads(self, pool: Handles[Path], files: list[Path]) -> None:
        def read(number: int) -> bytes:
            path = files[number % len(files)]
            if number % 7 == 0:
                pool.forget([path])
            with pool.borrow(path) as descriptor:
                return os.pread(descriptor, 9, 0)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(read, range(3000))) == [str(n % len(files)).encode() for n in range(3000)]
