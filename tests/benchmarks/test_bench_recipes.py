"""The question about mergekit's recipes at full size, without the programs: what is said, kept and left out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from benchmarks.errors import BenchmarkError
from benchmarks.measuring import Contender, Done, Run
from benchmarks.recipe_cases import CASES
from benchmarks.scale import TOY
from benchmarks.setting import Setting

from benchmarks import recipes_against_mergekit as question

RUN = Run(2.0, 1, 1, 1, 1, 1)


def test_a_method_in_which_the_peer_fails_is_a_note_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def in_turn(contenders: Sequence[Contender], *_: object, **__: object) -> dict[str, list[Done]]:
        (one,) = contenders
        if one.label == f"{question.MERGEKIT}, karcher":
            raise BenchmarkError(f"{one.label}: exit status 1: no room")
        return {one.label: [Done(RUN, "")]}

    monkeypatch.setattr(question, "in_turn", in_turn)
    monkeypatch.setattr(Setting, "in_turn", lambda _, contenders, repeats: in_turn(contenders, repeats))
    monkeypatch.setattr(question, "mergekit_environment", lambda _: tmp_path)
    monkeypatch.setattr(question, "_misrounded", lambda *given: [0.0 for _ in given[-1]])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    answer = question.ask(Setting(dataclasses.replace(TOY, name="full"), tmp_path, scratch, said.append))
    assert answer.notes == ("karcher: mergekit 0.1.5, karcher: exit status 1: no room.",)
    rows = {row[0]: row for row in answer.tables[0].rows}
    assert set(rows) == {case.method for case in CASES}
    assert {method for method, row in rows.items() if row[4] is None} == {"karcher"}
    assert [line for line in said if line.endswith("methods")][
        -1
    ] == f"della_linear, {len(CASES)} of {len(CASES)} methods"


def test_both_programs_are_told_to_write_bfloat16(tmp_path: Path) -> None:
    family = Setting(TOY, tmp_path, tmp_path, lambda _: None).family(TOY.llama, 1)
    for case in CASES:
        recipe = json.loads(case.write(family, tmp_path / "one.yaml").read_text(encoding="utf-8"))
        assert recipe["out_dtype"] == recipe["dtype"] == "bfloat16"
