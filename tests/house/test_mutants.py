"""What ``make mutants`` does to a file, and that its lists are of what is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _found() -> None:
    sys.path.insert(0, str(HERE))


def changes(source: str, folder: Path) -> set[str]:
    from mutations import mutants_of

    (folder / "some.py").write_text(source, encoding="utf-8")
    return {mutant.becomes.strip() for mutant in mutants_of(Path("some.py"), folder)}


@pytest.mark.parametrize(
    ("line", "wrongs"),
    [
        ("a = b + c", {"a = b - c"}),
        ("a = (b) * (c + d)", {"a = (b) / (c + d)", "a = (b) * (c - d)"}),
        ("a = 'θ' < b <= c", {"a = 'θ' <= b <= c", "a = 'θ' >= b <= c", "a = 'θ' < b < c", "a = 'θ' < b > c"}),
        ("a = b not in c", {"a = b in c"}),
        ("a = b is not None and not c", {
            "a = b is None and not c", "a = b is not None or not c", "a = b is not None and  c",
        }),
        ("a = -b", {"a = b"}),
        ("a -= 1", {"a += 1"}),
        ("a = f(x=True, strict=True)", {"a = f(x=False, strict=True)"}),
        ("def f(a: int | None = -1) -> int | None: pass", {"def f(a: int | None = 1) -> int | None: pass"}),
        ("a = f'{b - c}'", set()),
        ("a = f(*b, **c)", set()),
    ],
)  # fmt: skip
def test_a_line_is_given_these_wrongs(line: str, wrongs: set[str], tmp_path: Path) -> None:
    assert changes(line + "\n", tmp_path) == wrongs


def test_a_wrong_is_put_into_its_line_alone(tmp_path: Path) -> None:
    from mutations import mutants_of

    source = "a = (\n    b\n    + c  # more\n)\nd = b + c\n"
    (tmp_path / "some.py").write_text(source, encoding="utf-8")
    first, second = mutants_of(Path("some.py"), tmp_path)
    assert first.applied(source) == source.replace("    + c  # more", "    - c  # more")
    assert second.applied(source) == source.replace("d = b + c", "d = b - c")
    assert (first.line, first.content) == (3, ("some", "+ c  # more", "- c  # more"))


def test_every_room_has_files_and_tests() -> None:
    from mutants import ROOT, rooms

    for room in rooms():
        assert room.files(), room.name
        assert all((ROOT / test).exists() for test in room.tests), room.name


def test_what_is_equal_in_meaning_is_there_and_says_why() -> None:
    from mutants import ROOT, equal_mutants, rooms
    from mutations import mutants_of

    there = {mutant.content for room in rooms() for file in room.files() for mutant in mutants_of(file, ROOT)}
    assert [content for content in equal_mutants() if content not in there] == []
    assert all(reason.strip() for reason in equal_mutants().values())
