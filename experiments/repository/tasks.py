"""The eighty tasks: eight sources of pictures, ten kinds of task each; both are families that are known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product, starmap

import numpy as np
from numpy.typing import NDArray

from experiments.repository.pictures import Labelled, Source

FIELDS = {
    "mnist": "handwriting",
    "digits": "handwriting",
    "latin": "letters",
    "greek": "letters",
    "cyrillic": "letters",
    "animals": "drawings",
    "emoji": "drawings",
    "badges": "drawings",
}
"""Source → the field that it belongs to."""

Choose = Callable[[Labelled, int, np.random.Generator], Labelled]
Images = NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """What is asked of a source's pictures.

    Attributes:
        name: Its name.
        look: Whether pictures look as they are (`plain`), or how they were changed.
        choose: From labelled pictures and the number of classes to those of the task, with its labels.
        change: From images to what the network sees; noise has its own generator.
    """

    name: str
    look: str
    choose: Choose
    change: Callable[[Images, np.random.Generator], Images]


@dataclass(frozen=True)
class RepositoryTask:
    """One task of the repository.

    Attributes:
        source: Where its pictures come from.
        kind: What is asked.
    """

    source: str
    kind: Kind

    @property
    def name(self) -> str:
        """Its name in the store, which admits no hyphen."""
        return f"{self.source}_{self.kind.name}".replace("-", "_")

    @property
    def families(self) -> Mapping[str, str]:
        """Partition → the family of the task in it."""
        return {"source": self.source, "field": FIELDS[self.source], "kind": self.kind.name, "look": self.kind.look}

    def pictures(self, source: Source, part: str, seed: int) -> Labelled:
        """The task's pictures, the same for the same seed.

        Args:
            source: Where they come from.
            part: `train` or `test`.
            seed: Of halves of pictures or classes, and of noise.
        """
        draw = np.random.default_rng([seed, *self.source.encode(), *part.encode()])
        found = self.kind.choose(getattr(source, part), source.num_classes, np.random.default_rng(seed))
        return Labelled(self.kind.change(found.images, draw), found.labels)


def _whole(found: Labelled, classes: int, rng: np.random.Generator) -> Labelled:  # noqa: ARG001
    return found


def _half_of_pictures(which: int) -> Choose:
    def choose(found: Labelled, classes: int, rng: np.random.Generator) -> Labelled:  # noqa: ARG001
        return found.take(rng.permutation(len(found))[which::2])

    return choose


def _half_of_classes(which: int) -> Choose:
    def choose(found: Labelled, classes: int, rng: np.random.Generator) -> Labelled:
        chosen = np.sort(rng.permutation(classes)[which::2])
        kept = found.take(np.flatnonzero(np.isin(found.labels, chosen)))
        return Labelled(kept.images, np.searchsorted(chosen, kept.labels))

    return choose


def _rest(divisor: int) -> Choose:
    def choose(found: Labelled, classes: int, rng: np.random.Generator) -> Labelled:  # noqa: ARG001
        return Labelled(found.images, found.labels % divisor)

    return choose


def _as_it_is(images: Images, rng: np.random.Generator) -> Images:  # noqa: ARG001
    return images


def _turned(images: Images, rng: np.random.Generator) -> Images:  # noqa: ARG001
    return np.ascontiguousarray(np.rot90(images, axes=(1, 2)))


def _mirrored(images: Images, rng: np.random.Generator) -> Images:  # noqa: ARG001
    return np.ascontiguousarray(images[:, ::-1])


def _negative(images: Images, rng: np.random.Generator) -> Images:  # noqa: ARG001
    return -images


def _noisy(images: Images, rng: np.random.Generator) -> Images:
    return images + 0.6 * rng.standard_normal(images.shape, dtype=np.float32)


KINDS = (
    Kind("half-a", "plain", _half_of_pictures(0), _as_it_is),
    Kind("half-b", "plain", _half_of_pictures(1), _as_it_is),
    Kind("classes-a", "plain", _half_of_classes(0), _as_it_is),
    Kind("classes-b", "plain", _half_of_classes(1), _as_it_is),
    Kind("parity", "plain", _rest(2), _as_it_is),
    Kind("thirds", "plain", _rest(3), _as_it_is),
    Kind("turned", "turned", _whole, _turned),
    Kind("mirrored", "mirrored", _whole, _mirrored),
    Kind("negative", "negative", _whole, _negative),
    Kind("noisy", "noisy", _whole, _noisy),
)

REPOSITORY = tuple(starmap(RepositoryTask, product(FIELDS, KINDS)))
