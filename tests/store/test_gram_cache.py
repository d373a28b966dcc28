from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from tampering import flip_byte
from taskvec import Store
from taskvec.errors import StoreError
from taskvec.store.gram_cache import GramCache, covering_rows
from taskvec.streaming import RunOptions, plan_steps
from taskvec.streaming.events import BytesDone, Event
from taskvec.testing.families import make_family

NAMES = [f"t{i}" for i in range(10)]
FAMILY = make_family(NAMES, seed=4)
MODEL_BYTES = sum(array.nbytes for array in FAMILY.base.values())
FLOAT_BYTES = MODEL_BYTES - FAMILY.base["position_ids"].nbytes


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def store(tmp_path: Path, events: list[Event]) -> Store:
    """A store of the first eight vectors that counts what it reads from now on."""
    saved = FAMILY.save(tmp_path / "models")
    store = Store.init(tmp_path / "store", saved.base)
    store.add({name: saved.finetuned[name] for name in NAMES[:8]})
    return Store(store.path, replace(RunOptions(), listener=events.append))


def taken(events: list[Event]) -> int:
    """Bytes read since the last call."""
    total = sum(event.count for event in events if isinstance(event, BytesDone))
    events.clear()
    return total


def test_a_batch_knows_all_its_products(store: Store, events: list[Event]) -> None:
    oracles.assert_close(store.gram(NAMES[:8]).total, oracles.gram(FAMILY, NAMES[:8]), relative=1e-6, what="gram")
    assert taken(events) == 0


def test_a_ninth_vector_is_read_once_and_costs_one_row(store: Store, events: list[Event]) -> None:
    models = store.path.parent / "models"
    store.add({"t8": models / "t8"})
    assert taken(events) == 2 * MODEL_BYTES
    store.gram(["t8", "t3"])
    assert taken(events) == 3 * FLOAT_BYTES
    store.gram()
    assert taken(events) == (1 + 8) * FLOAT_BYTES
    store.gram()
    assert taken(events) == 0


def test_two_missing_rows_are_taken_in_one_pass(store: Store, events: list[Event]) -> None:
    models = store.path.parent / "models"
    store.add({"t8": models / "t8"})
    store.add({"t9": models / "t9"})
    taken(events)
    gram = store.gram(NAMES).total
    assert taken(events) == (1 + 10) * FLOAT_BYTES
    oracles.assert_close(gram, oracles.gram(FAMILY), relative=1e-6, what="gram")
    np.testing.assert_array_equal(gram, gram.T)


def test_products_are_kept_by_content_whatever_the_name(store: Store, events: list[Event]) -> None:
    models = store.path.parent / "models"
    store.remove("t0")
    store.add({"again": models / "t0"})
    taken(events)
    store.gram()
    assert taken(events) == 0


def test_names_may_repeat_and_their_order_counts(store: Store) -> None:
    found = store.gram(["t2", "t0", "t2"]).total
    oracles.assert_close(found, oracles.gram(FAMILY, ["t2", "t0", "t2"]), relative=1e-6, what="gram")


def test_the_total_is_the_sum_over_tensors(store: Store) -> None:
    gram = store.gram(["t0", "t1"])
    assert gram.tensors == tuple(name for name in store.base.checkpoint.tensors if name != "position_ids")
    for name, part in zip(gram.tensors, gram.per_tensor, strict=True):
        v = np.column_stack(
            [oracles.delta(FAMILY.base, FAMILY.finetuned[task])[name].reshape(-1) for task in ("t0", "t1")]
        )
        oracles.assert_close(part, v.T @ v, relative=1e-6, what=name)
    oracles.assert_close(gram.per_tensor.sum(axis=0), gram.total, relative=1e-12, what="total")


def test_a_plan_says_what_completing_reads(store: Store, events: list[Event]) -> None:
    store.add({"t8": store.path.parent / "models" / "t8"})
    taken(events)
    planned = plan_steps(store.gramming(), store.options).passes
    assert taken(events) == 0
    store.gram()
    assert [step.read_bytes for step in planned] == [taken(events)]
    assert not plan_steps(store.gramming(), store.options).passes


@pytest.mark.parametrize("damage", ["flipped", "torn", "emptied", "renamed"])
def test_damaged_products_are_refused_with_the_remedy_that_works(store: Store, damage: str) -> None:
    (path,) = (store.path / "gram").glob("*.safetensors")
    match damage:
        case "flipped":
            flip_byte(path, -3)
        case "torn":
            path.write_bytes(path.read_bytes()[:-8])
        case "emptied":
            path.write_bytes(b"")
        case "renamed":
            path = path.rename(path.with_stem("0" * 32))
    with pytest.raises(StoreError, match=rf"{path.name}: is damaged; remove it and the products in it are computed"):
        store.gram()
    path.unlink()
    oracles.assert_close(store.gram(NAMES[:8]).total, oracles.gram(FAMILY, NAMES[:8]), relative=1e-6, what="gram")


def test_no_vectors_have_no_products(store: Store) -> None:
    assert store.gram([]).total.shape == (0, 0)


@given(st.integers(1, 8), st.data())
def test_chosen_rows_cover_every_missing_product(size: int, data: st.DataObject) -> None:
    upper = data.draw(st.lists(st.booleans(), min_size=size * size, max_size=size * size))
    missing = np.triu(np.array(upper).reshape(size, size))
    missing |= missing.T
    rows = covering_rows(missing)
    assert rows == sorted(set(rows))
    left = np.delete(np.delete(missing, rows, axis=0), rows, axis=1)
    assert not left.any()
    assert bool(rows) == bool(missing.any())


def test_one_new_vector_is_one_row() -> None:
    missing = np.zeros((9, 9), np.bool_)
    missing[4, :] = missing[:, 4] = True
    missing[4, 4] = False
    assert covering_rows(missing) == [4]


@given(st.permutations(range(5)), st.integers(1, 4))
def test_blocks_kept_apart_are_read_as_one(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cut: int
) -> None:
    cache = GramCache(tmp_path_factory.mktemp("gram"))
    v = np.random.default_rng(0).standard_normal((3, 7, 5))
    gram = v.transpose(0, 2, 1) @ v
    keys = [f"k{i}" for i in order]
    permuted = gram[:, order][:, :, order]
    cache.add(keys[:cut], keys[:cut], permuted[:, :cut, :cut])
    known = cache.load(keys, 3)
    assert np.isnan(known[:, cut:, cut:]).all()
    cache.add(keys[cut:], keys, permuted[:, cut:])
    np.testing.assert_array_equal(cache.load(keys, 3), permuted)
    np.testing.assert_array_equal(cache.load([f"k{i}" for i in range(5)], 3), gram)
