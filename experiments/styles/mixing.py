"""Mix styles by adding task vectors: whole, unique alone, shared once; λ by names that no result shows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from experiments.styles import painter
from experiments.styles.icons import Icons
from experiments.styles.judging import Judge
from taskvec import Store, decompose
from taskvec.evaluation import Grid, InPlace, Validation, choose_scaling, read_direction
from taskvec.evaluation.sampling import Sampling

RANK = 12
"""Singular directions of each style in each matrix: an eighth to a quarter of the outputs of its convolutions."""

SEARCH = Grid(low=0.25, high=1.0, num_points=4, most_points=6)
MIXES: tuple[tuple[str, ...], ...] = (
    ("outline", "ink"), ("outline", "blob"), ("ink", "blob"), ("outline", "ink", "blob"),
)  # fmt: skip
Way = Callable[[Sequence[str]], str]
WAYS: Mapping[str, Way] = {
    "whole": " + ".join,
    "unique": lambda styles: " + ".join(f"{style}.unique" for style in styles),
    "shared once": lambda styles: f"shared_once({', '.join(styles)})",
    "random": lambda styles: " + ".join(f"{style}.unique" for style in styles),
}
"""Way of mixing → the expression; `random` is the control, whose unique parts lack random directions instead."""

REVISION = 1  # raise it when the meaning of this code changes
Found = dict[str, Any]


@dataclass(frozen=True)
class Studio:
    """One base and its fine-tunes.

    Attributes:
        base: The folder of the base.
        finetuned: Style → folder.
        icons: The real icons.
        judge: What pictures show.
        num_steps: Denoising steps.
        seeds: Of noise, for test pictures; validation has its own.
    """

    base: Path
    finetuned: Mapping[str, Path]
    icons: Icons
    judge: Judge
    num_steps: int
    seeds: Sequence[int]

    @property
    def identity(self) -> list[object]:
        """What changes with any weight, or with how pictures are drawn."""
        folders = [self.base.name, *(folder.name for folder in self.finetuned.values())]
        return [folders, self.num_steps, list(self.seeds), self.icons.parts]

    def alone(self) -> dict[str, list[Found]]:
        """`base` and each style's fine-tune → what test pictures show, by noise seed; the base as a flat icon."""
        found = {"base": self._tested(painter.read(self.base), ("flat",))}
        for style, folder in self.finetuned.items():
            found[style] = self._tested(painter.read(folder), (style,))
        return found

    def mixed(self, styles: Sequence[str], way: str) -> Found:
        """Mix styles one way.

        Args:
            styles: Which.
            way: A name of `WAYS`.

        Returns:
            The chosen λ, the curve over λ on validation names, what test pictures show by noise seed, and shared
            dimensions.
        """
        tried: list[float] = []
        shown: list[Found] = []
        with self.directed(styles, way) as (model, shared):

            def shifted(scaling: float) -> torch.nn.Module:
                tried.append(scaling)
                return model.with_coefficients({"mix": scaling})

            best = choose_scaling(self._validation(styles, shown), shifted, SEARCH).scaling
            tested = self._tested(model.with_coefficients({"mix": best}), styles)
        curve = sorted(zip(tried, shown, strict=True), key=itemgetter(0))
        return {"scaling": best, "validation": curve, "test": tested, "shared": shared}

    def cosines(self) -> dict[str, float]:
        """Cosines between the styles' vectors, by `first and second`."""
        with self.store(self.finetuned) as store:
            gram, names = store.gram().total, store.names
        norms = gram.diagonal() ** 0.5
        pairs = [(i, j) for i in range(len(names)) for j in range(i)]
        return {f"{names[j]} and {names[i]}": float(gram[i, j] / norms[i] / norms[j]) for i, j in pairs}

    @contextmanager
    def store(self, styles: Collection[str]) -> Generator[Store]:
        """A store of some styles that is gone afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            store = Store.init(Path(folder) / "store", self.base / painter.MODEL)
            store.add({style: path / painter.MODEL for style, path in self.finetuned.items() if style in styles})
            yield store

    @contextmanager
    def directed(self, styles: Sequence[str], way: str) -> Generator[tuple[InPlace, dict[str, float]]]:
        """The base with one direction, `mix`; beside it, how much of each style is shared."""
        with self.store(styles) as store:
            shared: dict[str, float] = {}
            if way != "whole":
                found = decompose(
                    store, tasks=list(styles), rank=RANK, seed=0, control="random" if way == "random" else None
                )
                shared = {"dimensions": found.shared_dimensions, **_shares(store, found.shared_energy)}
            with InPlace(painter.read(self.base), {"mix": read_direction(store, WAYS[way](styles))}) as model:
                yield model, shared

    def draw(self, model: torch.nn.Module, names: Sequence[int], seed: int) -> Any:
        """Pictures of some names, uint8 `(N, 24, 24, 3)`."""
        return painter.as_images(self._sampling(seed)(model, list(names)))

    def _sampling(self, seed: int) -> Sampling:
        return painter.sampling(seed, self.num_steps)

    def _validation(self, styles: Sequence[str], shown: list[Found]) -> Validation:
        """What λ is chosen by; everything that it is shown is noted, for the curve."""

        def judged(samples: torch.Tensor, names: Sequence[int]) -> Found:
            shown.append(self.judge.judge(painter.as_images(samples), names, styles))
            return shown[-1]

        parts = self.icons.parts
        task = self._sampling(_VALIDATION_NOISE).task(
            "mix", judged, validation=parts["val"], test=parts["test"], primary="success"
        )
        return Validation.of([task])

    def _tested(self, model: torch.nn.Module, styles: Sequence[str]) -> list[Found]:
        names = self.icons.parts["test"]
        return [self.judge.judge(self.draw(model, names, seed), names, styles) for seed in self.seeds]


_VALIDATION_NOISE = 1000


def _shares(store: Store, energy: Mapping[str, float]) -> dict[str, float]:
    return {task: shared / store.documents.vector(task).norm ** 2 for task, shared in energy.items()}
