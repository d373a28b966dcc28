"""Where equal magnitudes are not told apart, all of them are above the cut, streamed as on whole tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taskvec import RunOptions, TaskVector
from taskvec.composition.cuts import find_cuts
from taskvec.composition.inputs import MergeInputs
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Part
from taskvec.methods.statistic import Cuts
from taskvec.testing.families import make_family

COUNT, KEPT = 40, 15


@pytest.fixture
def inputs(tmp_path: Path) -> MergeInputs:
    """Forty equal changes."""
    family = make_family("a", seed=5, layout={"flat": np.empty(COUNT, np.float32)})
    family.base["flat"][:] = 0.5
    family.finetuned["a"]["flat"][:] = 1.5
    saved = family.save(tmp_path)
    vector = TaskVector(saved.base, saved.finetuned["a"])
    return MergeInputs(vector.base, (("a", vector),))


@pytest.mark.parametrize(("splits_ties", "end"), [(True, KEPT), (False, COUNT)])
def test_ties_are_split_only_where_that_is_asked_for(*, inputs: MergeInputs, splits_ties: bool, end: int) -> None:
    streamed = find_cuts(inputs, lambda _: np.array([KEPT]), RunOptions(), splits_ties=splits_ties)["flat"]
    whole = Cuts(lambda *_: np.array([[KEPT]]), splits_ties=splits_ties).of(
        Part(np.ones((1, COUNT), np.float32), np.zeros(COUNT, np.float32), (COUNT,)), MergeOptions(semantics="paper")
    )
    assert (streamed.thresholds.view(np.float32).item(), streamed.ends.item()) == (1.0, end)
    assert (whole.thresholds.item(), whole.ends.item()) == (1.0, end)
