"""A reader of one command passes few modules, and each pass of a plain edit is planned once."""

from __future__ import annotations

import pytest
from walk import COMMANDS, figures_of

MOST_MODULES = {"base + 0.4*(a + b)": 86, "base + ties(a, b)": 112}
"""A few more than today's figures (docs/decisions/0048): a new module on the way of every edit must be worth it."""


@pytest.mark.parametrize("expression", MOST_MODULES)
def test_the_way_of_an_edit_is_short(expression: str) -> None:
    found = figures_of(next(words for words in COMMANDS if expression in words))
    assert 40 < found["modules"] <= MOST_MODULES[expression]
    written = {label: times for label, times in found["planned"].items() if label.startswith("combine")}
    assert list(written.values()) == [1]
    assert set(found["planned"].values()) <= {1, 2}  # what a merge measures is planned once more when it is measured
