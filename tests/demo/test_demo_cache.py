"""A key changes with whatever decides the content; a folder is there whole or not at all."""

from dataclasses import fields, replace

import pytest

pytest.importorskip("PIL")

from demo.cache import Cache, key
from demo.settings import SIZES, FineTuning


@pytest.mark.parametrize("field", [field.name for field in fields(FineTuning)])
def test_every_hyper_parameter_is_part_of_the_key(field) -> None:
    how = FineTuning()
    other = replace(how, **{field: getattr(how, field) * 2})
    assert key(how=how) == key(how=FineTuning())
    assert key(how=how) != key(how=other)


def test_nested_values_are_part_of_the_key() -> None:
    assert key(sizes=SIZES, of={"mlxtend": "0.25.0"}) != key(sizes=SIZES, of={"mlxtend": "0.25.1"})
    assert key(sizes=SIZES) != key(sizes=replace(SIZES, val=SIZES.val + 1))


def test_a_folder_is_built_once(tmp_path) -> None:
    built = []

    def build(folder):
        built.append(folder)
        (folder / "file").write_text("content")

    cache = Cache(tmp_path / "cache")
    first, second = cache.folder("name", build), cache.folder("name", build)
    assert first == second
    assert (first / "file").read_text() == "content"
    assert len(built) == 1


def test_an_interrupted_build_leaves_nothing(tmp_path) -> None:
    def build(folder):
        (folder / "half").touch()
        raise KeyboardInterrupt

    cache = Cache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cache.folder("name", build)
    assert not list(tmp_path.iterdir())
    assert cache.folder("name", lambda folder: (folder / "whole").touch()).exists()


def test_a_value_is_computed_once(tmp_path) -> None:
    cache = Cache(tmp_path)
    assert cache.value("name", lambda: {"mnist": 0.5}) == {"mnist": 0.5}
    assert cache.value("name", lambda: pytest.fail("computed again")) == {"mnist": 0.5}
