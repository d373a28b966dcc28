"""Every fault of a fine-tune, at every door: one line that names tensor and file, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bad_models import BAD_MODELS, BadModel

from example_edits import edit_of_checkpoints
from tampering import picture
from taskvec import Store, TaskVector
from taskvec.streaming import RunOptions
from taskvec.streaming.events import Event
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import Family, SavedFamily

every_fault = pytest.mark.parametrize("fault", BAD_MODELS.values(), ids=BAD_MODELS)


@pytest.fixture
def bad(fault: BadModel, family: Family, tmp_path: Path) -> Path:
    return save_folder(tmp_path / "bad", fault.spoil(family.finetuned["math"]))


@every_fault
@pytest.mark.parametrize("copy", [False, True], ids=["linked", "copied"])
def test_a_store_refuses_it_and_is_as_before(fault: BadModel, bad: Path, store: Store, copy: bool) -> None:
    before = picture(store.path)
    with pytest.raises(fault.error, match=fault.says) as refusal:
        store.add({"good": store.path.parent / "models" / "law", "bad": bad}, copy=copy)
    assert "\n" not in str(refusal.value)
    left_over = {path for path in picture(store.path).keys() - before.keys() if not path.startswith("objects/")}
    assert not left_over
    assert Store(store.path).names == ("code", "law", "math")


@every_fault
def test_an_edit_refuses_it_and_writes_nothing(fault: BadModel, bad: Path, saved: SavedFamily, tmp_path: Path) -> None:
    before = picture(tmp_path)
    says = fault.says.replace(r" \(or of its base\)", "")
    vectors = {"good": saved.finetuned["law"], "bad": bad}
    with pytest.raises(fault.error, match=says):
        edit_of_checkpoints(saved.base, vectors, "base + good + 0.5*bad").save(tmp_path / "out")
    assert picture(tmp_path) == before


@every_fault
def test_headers_are_enough_where_they_show_it(fault: BadModel, bad: Path, saved: SavedFamily) -> None:
    if fault.in_headers:
        with pytest.raises(fault.error, match=fault.says):
            TaskVector(saved.base, bad)
    else:
        assert repr(TaskVector(saved.base, bad))


@every_fault
def test_no_weight_is_read_where_headers_show_it(fault: BadModel, bad: Path, store: Store) -> None:
    events: list[Event] = []
    watched = Store(store.path, RunOptions(listener=events.append))
    refs = {f"t{i}": store.path.parent / "models" / "law" for i in range(8)}
    with pytest.raises(fault.error):
        watched.add({**refs, "bad": bad})
    assert bool(events) != fault.in_headers


@every_fault
def test_the_rule_that_is_named_allows_it_and_only_it(fault: BadModel, bad: Path, store: Store) -> None:
    if fault.rule is None:
        return
    (document,) = store.add({"bad": bad}, allow=[fault.rule])
    assert [rule.rule for rule in document.rules] == [fault.rule]
    assert store.verify() == []
    assert np.isfinite(store.gram().total).all()
