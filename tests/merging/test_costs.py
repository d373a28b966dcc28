"""What reading a merge takes, said by the merge: added up over merges within merges, each counted once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from taskvec import RunOptions, Store, TaskVector
from taskvec.checkpoints.derived import derived, same_as
from taskvec.checkpoints.table import Maker, TensorSource
from taskvec.editing import edit
from taskvec.editing.edit import Editing
from taskvec.editing.scope.over_store import ground_of
from taskvec.merging import computed
from taskvec.merging.merge import Merge
from taskvec.merging.reading import PART_NUMBERS, part_bytes, stored_bytes
from taskvec.methods.part import Grain
from taskvec.numerics.kernels import TILE
from taskvec.streaming import AlignedTensor, memory
from taskvec.streaming.aligned import makers_of_reading
from taskvec.streaming.memory import one_run
from taskvec.streaming.units import BLOCK
from taskvec.testing.families import SavedFamily
from taskvec.vectors.alignment import align

MIB = 1 << 20
HELD = 7 * MIB


@pytest.fixture
def vectors(saved: SavedFamily) -> dict[str, TaskVector]:
    return {name: TaskVector(saved.base, saved.finetuned[name]) for name in "ab"}


def aligned(*vectors: TaskVector) -> tuple[AlignedTensor, ...]:
    base = vectors[0].base.checkpoint
    return align(base, [form for vector in vectors for form in vector.terms]).combinable


@dataclass(frozen=True)
class Dear(TensorSource):
    """What takes much to be read."""

    def read_into(self, offset: int, out: memoryview) -> None:
        raise AssertionError("nothing is read to plan")

    def scratch_bytes(self, count: int) -> int:
        return 40 * count

    def held_bytes(self) -> int:
        return HELD


def makers(*vectors: TaskVector) -> frozenset[Maker]:
    return makers_of_reading(aligned(*vectors))


def scratch(vector: TaskVector, count: int = 1) -> int:
    return max(tensor.scratch_bytes(count) for tensor in aligned(vector))


def total(of: str, them: Iterable[Maker]) -> int:
    return sum(getattr(maker, of) for maker in them)


def longest(vector: TaskVector) -> int:
    return max(tensor.num_params for tensor in aligned(vector))


def test_what_is_merged_as_it_is_stored_keeps_a_block_and_room_to_read(vectors: dict[str, TaskVector]) -> None:
    merge = Merge("ties", vectors)
    (one,) = makers(merge.vector)
    assert one.kept_bytes == stored_bytes(merge.inputs) + 4 * BLOCK
    assert one.held_bytes == 0
    assert 0 < scratch(merge.vector) < MIB, "some tiles"


def test_a_part_is_planned_where_there_are_parts(
    vectors: dict[str, TaskVector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computed, "part_bytes", lambda *_: 99 * MIB)
    assert scratch(Merge("sce", vectors).vector) == 99 * MIB
    assert scratch(Merge("ties", vectors).vector) == 4 * TILE * (2 + 2 + 8)


def test_what_is_computed_from_a_merge_names_it(vectors: dict[str, TaskVector]) -> None:
    (form,) = Merge("ties", vectors).vector.terms
    again = derived("again", same_as(form.source.checkpoint), ())
    found = [again.source(name) for name in again.tensors]
    assert found
    assert all(source.makers == makers(TaskVector.from_terms(vectors["a"].base, {form: 1.0})) for source in found)


def test_what_is_merged_part_by_part_keeps_nothing(vectors: dict[str, TaskVector]) -> None:
    merge = Merge("sce", vectors)
    (one,) = makers(merge.vector)
    assert (one.kept_bytes, one.held_bytes) == (0, 0)
    assert scratch(merge.vector, 1) == scratch(merge.vector, PART_NUMBERS) > 0, "a part is made for one element too"
    rule = merge.method.rule_for(merge.settings.at(""))
    assert scratch(merge.vector) == part_bytes(merge.inputs, rule.grain, rule.number_bytes)


def test_what_is_merged_whole_is_held_once_and_its_result_kept_by_every_worker(vectors: dict[str, TaskVector]) -> None:
    merge = Merge("tsv", vectors)
    (one,) = makers(merge.vector)
    most = longest(merge.vector)
    assert (one.kept_bytes, one.held_bytes) == (4 * most, 192 * most)
    assert scratch(merge.vector) == 0


def test_merges_within_merges_add_up(vectors: dict[str, TaskVector]) -> None:
    inner = Merge("ties", vectors)
    outer = Merge("tsv", {**vectors, "inner": inner.vector})
    assert makers(outer.vector) > makers(inner.vector)
    alone = Merge("tsv", vectors)
    difference = total("kept_bytes", makers(outer.vector)) - total("kept_bytes", makers(alone.vector))
    assert difference == total("kept_bytes", makers(inner.vector))
    held = total("held_bytes", makers(outer.vector)) - total("held_bytes", makers(alone.vector))
    assert held == scratch(inner.vector), "whoever merges a whole tensor reads the inner merge meanwhile"


def test_a_part_takes_what_the_merge_within_it_takes(vectors: dict[str, TaskVector]) -> None:
    inner = Merge("sce", vectors)
    outer = Merge("sce", {"a": vectors["a"], "inner": inner.vector})
    own = part_bytes(outer.inputs, Grain.ELEMENTS, outer.method.rule_for(outer.settings.at("")).number_bytes)
    assert scratch(outer.vector) == own + scratch(inner.vector)


def test_a_merge_that_is_used_often_counts_once(vectors: dict[str, TaskVector]) -> None:
    step = Merge("ties", vectors)
    chain = [step]
    for _ in range(40):  # 2⁴⁰ ways into the first step
        chain.append(Merge("ties", {"once": chain[-1].vector, "twice": 2 * chain[-1].vector, "a": vectors["a"]}))
    found = makers(*(merge.vector for merge in chain))
    assert found == makers(chain[-1].vector)
    assert len(found) == len(chain)


def test_a_pass_before_a_merge_plans_what_reading_those_within_it_takes(vectors: dict[str, TaskVector]) -> None:
    inner = Merge("dare_ties", vectors)
    plain, outer = (Merge("ties", {"a": vectors["a"], "b": b}) for b in (vectors["b"], inner.vector))
    options = RunOptions(memory=8 << 30, workers=1)
    with one_run(0):
        high, low = (merge.plan(options)[0].projected_bytes for merge in (outer, plain))
    kept = total("kept_bytes", makers(inner.vector))
    assert kept <= high - low - scratch(inner.vector) < kept + MIB, "rows of float32 may be wider than stored ones"


def test_scores_are_planned_as_what_they_are_computed_from(vectors: dict[str, TaskVector]) -> None:
    merge = Merge("sce", vectors, {"select_topk": 0.5})
    options = RunOptions(memory=8 << 30, workers=1)
    with one_run(0):
        counts = [planned for planned in merge.plan(options) if planned.label.startswith("count high bits of 1")]
    rule = merge.method.rule_for(merge.settings.at(""))
    assert counts
    assert all(planned.projected_bytes > part_bytes(merge.inputs, rule.grain, rule.number_bytes) for planned in counts)


@pytest.mark.parametrize("method", ["ties", "sce", "tsv"])
def test_what_inputs_take_to_be_read_is_the_merges(
    method: str, saved: SavedFamily, vectors: dict[str, TaskVector]
) -> None:
    tensors = vectors["a"].base.checkpoint.tensors.values()
    dear = TaskVector(saved.base, derived("dear", dict.fromkeys(tensors, Dear()), ()))
    cheap, loaded = (Merge(method, {**vectors, "c": c}).vector for c in (TaskVector(saved.base, saved.base), dear))
    most = longest(cheap)
    held, own = (
        total("held_bytes", makers(loaded)) - total("held_bytes", makers(cheap)),
        scratch(loaded) - scratch(cheap),
    )
    assert (held, own) == ((HELD + 40 * most, 0) if method == "tsv" else (HELD, 40 * most))


def test_tensors_are_not_refused_for_what_their_reader_keeps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [300 * MIB]
    for module in (memory, edit):
        monkeypatch.setattr(module, "resident_bytes", lambda: held[0])
    options = RunOptions(memory=500 * MIB, workers=1)
    editing = replace(Editing.of(ground_of(store), "ties(a, b)"), options=options)
    found = []
    for name, _ in editing.tensors():
        found.append(name)
        held[0] += 1 << 30
        assert memory.begun_bytes() == held[0], "whoever reads is in no run"
    assert len(found) > 1
