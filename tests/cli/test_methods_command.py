"""``taskvec methods`` lists every merge with what a user may say to it."""

from __future__ import annotations

from tiny_models import Command

from taskvec.methods import METHODS


def test_every_merge_is_listed_with_its_options(done: Command) -> None:
    rows = {row["name"]: row for row in done("methods", "--json").json["merges"]}
    assert list(rows) == list(METHODS)
    ties = {one["name"]: one for one in rows["ties"]["parameters"]}
    assert rows["ties"]["paper"] == "arXiv 2306.01708"
    assert [ties["density"][which] for which in ("default", "mergekit_default")] == [0.2, 1.0]
    assert ties["density"]["per_vector"]
    assert ties["density"]["range"] == "above 0 and at most 1"
    assert ties["scaling"]["alias"] == "lambda"
    assert rows["fednova"]["parameters"][-1]["is_required"]


def test_people_see_both_kinds(run: Command) -> None:
    text = run("methods").stdout
    assert "taskvec compress --method" in text
    assert "density=0.2 rescale=false" in text


def test_presets_of_weights_by_block(done: Command, run: Command) -> None:
    presets = done("methods", "--json").json["block_presets"]
    assert presets["OUT12_5"] == {"blocks": [0] * 12 + [0.5] + [1] * 12, "others": 0}
    assert all(name in run("methods").stdout for name in presets)
