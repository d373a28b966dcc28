"""Whatever stands in the documents of a store, reading them gives a document or one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskvec import Store, compress, decompose
from taskvec.errors import StoreError
from taskvec.store.documents import Documents
from taskvec.store.kinds.bases import BASES
from taskvec.store.kinds.decompositions import DECOMPOSITIONS
from taskvec.store.kinds.vectors import VECTORS
from taskvec.testing.families import make_family

READERS = {
    "store.json": lambda documents: documents.store(),
    "vectors/a.json": lambda documents: documents.of(VECTORS).load("a"),
    "bases/one.json": lambda documents: documents.of(BASES).load("one"),
    "decompositions/000001.json": lambda documents: documents.of(DECOMPOSITIONS).load("000001"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    saved = make_family(["a", "b"]).save(folder)
    made = Store.init(folder / "store", saved.base)
    made.add(saved.finetuned)
    compress(made, "one", num_atoms=1)
    decompose(made, rank=2)
    return made.path


@st.composite
def mutations(draw: st.DrawFn) -> tuple[float, int, bytes]:
    return draw(st.floats(0, 1)), draw(st.integers(0, 40)), draw(st.binary(max_size=12) | st.just(b"[" * 5000))


@pytest.mark.parametrize("name", READERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(mutation=mutations())
def test_a_damaged_document_is_one_clear_line(store: Path, name: str, mutation: tuple[float, int, bytes]) -> None:
    path = store / name
    whole = path.read_bytes()
    where, removed, inserted = mutation
    start = int(where * len(whole))
    path.write_bytes(whole[:start] + inserted + whole[start + removed :])
    message = _refusal(name, store)
    path.write_bytes(whole)
    assert message is None or (path.name in message and "\n" not in message)


def _refusal(name: str, store: Path) -> str | None:
    try:
        READERS[name](Documents(store))
    except StoreError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", READERS)
def test_no_document_at_all_is_one_clear_line(store: Path, name: str) -> None:
    path = store / name
    whole = path.read_bytes()
    for content in (b"", b"\xff\xfe", b"null", b"[]", b"{}", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=path.name):
            READERS[name](Documents(store))
    path.write_bytes(whole)
