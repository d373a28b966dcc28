"""Scores of edited models by a user's command."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from taskvec import Store
from taskvec.editing.validation import score_of, validate_by
from taskvec.errors import TaskvecError
from taskvec.testing.families import make_family


def test_a_users_command_scores_edited_models(tmp_path: Path) -> None:
    family = make_family(["a", "b"], layout={"w": np.empty((4, 4), np.float32)}).save(tmp_path / "models")
    store = Store.init(tmp_path / "store", family.base)
    store.add(family.finetuned)
    program = (
        "import sys, numpy as np; from safetensors.numpy import load_file; "
        f"w = load_file(sys.argv[1] + '/model.safetensors')['w']; "
        f"t = load_file({str(family.finetuned['a'] / 'model.safetensors')!r})['w']; "
        "print('loaded'); print(-float(np.abs(w - t).max()))"
    )
    score = score_of(store, lambda x: f"base + {x}*a", validate_by([sys.executable, "-c", program]))
    assert score(1.0) == pytest.approx(0, abs=1e-6)
    assert score(0.5) < -0.01


@pytest.mark.parametrize(("program", "said"), [("print('good')", "good"), ("raise SystemExit('no data')", "no data")])
def test_a_command_that_gives_no_score_is_refused(program: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(TaskvecError, match=f"{said}.*must print its score"):
        validate_by([sys.executable, "-c", program])(tmp_path)
