"""Where models are made that are not the output: intermediate ones and candidates; what a killed run left is used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from taskvec.checkpoints import write_json_atomic


class Workshop:
    """A hidden folder beside the output, removed when that is there.

    Attributes:
        folder: The folder; made when it is needed.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f".{out.name}.workshop")

    def place(self, name: str, key: str) -> Path:
        """Return where an intermediate model is, or will be.

        Args:
            name: What its recipe is called.
            key: What it depends on: another key is another place.

        Returns:
            The folder.
        """
        return self.folder / f"{name}-{key[:16]}"

    @property
    def nowhere(self) -> Path:
        """A place at which nothing ever is, for planning."""
        return self.folder / "planned"

    def score(self, key: str, measure: Callable[[Path], float]) -> float:
        """Return the score of a candidate, measured unless a killed run has.

        Args:
            key: What the candidate depends on.
            measure: Makes the candidate in a folder, and scores it; the folder is removed afterwards.

        Returns:
            The score.
        """
        scores = self._scores()
        if key not in scores:
            candidate = self.folder / "candidate"
            shutil.rmtree(candidate, ignore_errors=True)
            try:
                scores[key] = measure(candidate)
            finally:
                shutil.rmtree(candidate, ignore_errors=True)
            write_json_atomic(self.folder / "scores.json", scores)
        return scores[key]

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _scores(self) -> dict[str, float]:
        path = self.folder / "scores.json"
        scores: dict[str, float] = json.loads(path.read_bytes()) if path.is_file() else {}
        return scores
