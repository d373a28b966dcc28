"""Measuring an expression on validation data of the user's, by a callable or a command; the library has no data."""

from __future__ import annotations

import math
import subprocess  # noqa: S404  # the user's own command, given as words
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taskvec.errors import TaskvecError
from taskvec.linalg.search import Score

if TYPE_CHECKING:
    from taskvec.store.store import Store


def score_of(store: Store, expression: Callable[[float], str], validate: Callable[[Path], float]) -> Score:
    """Measure coefficients by writing the model that an expression gives, validating it, and removing it again.

    Args:
        store: The store.
        expression: From λ to an expression, such as ``lambda x: f"base + {x}*shared_once(math, code)"``.
        validate: From the folder of the edited model to its validation score.

    Returns:
        What the searches take.
    """
    from taskvec.editing.edit import Editing
    from taskvec.editing.scope.over_store import OverStore

    def score(scaling: float) -> float:
        with tempfile.TemporaryDirectory(prefix="taskvec-") as folder:
            return validate(Editing.of(OverStore(store), expression(scaling)).save(Path(folder) / "edited").out)

    return score


def validate_by(command: Sequence[str]) -> Callable[[Path], float]:
    """Return what validates a model with a command of the user's.

    Args:
        command: The words of the command; the folder of the model is added as the last. The last line that it prints
            is the score, a number of which larger is better.

    Returns:
        From the folder of a model to its score.
    """

    def validate(model: Path) -> float:
        words = [*command, str(model)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        lines = done.stdout.split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        try:
            value = float(last)
        except ValueError:
            value = math.nan
        if done.returncode or not math.isfinite(value):
            said = (done.stderr.strip().splitlines() or [last or "nothing"])[-1]
            raise TaskvecError(
                f"{' '.join(words)}: exit status {done.returncode}, said {said!r}: "
                "a validation command must print its score as the last line"
            )
        return value

    return validate
