"""What a picture shows, by one fixed encoder: its style, its name, and how far a set of pictures is from real icons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from demo.heads import Head
from demo.pictures import SIDE as ENCODED_SIDE
from numpy.typing import NDArray
from PIL import Image

from demo import heads
from experiments.styles.icons import Icons
from experiments.styles.packs import PACKS

Images = NDArray[np.uint8]
Features = NDArray[np.float32]
Encode = Callable[[Images], Features]
"""uint8 `(N, 24, 24, 3)` → features `(N, F)`."""

ORDER = tuple(PACKS)
"""Styles, in the order of the classifier's outputs."""

REVISION = 1  # raise it when the meaning of this code changes
_MOVES = ((1, 0), (1, 1), (1, -1), (2, -1), (2, 1))  # axis and pixels; names are learned from all but the last
_STRENGTH = (0.1,)  # inverse regularisation of both classifiers


@dataclass(frozen=True)
class Judge:
    """Classifiers that learned on real icons.

    Attributes:
        encode: The fixed encoder.
        style: Tells styles apart; learned on training names.
        content: Tells names apart, whatever the style.
        real: Style → features of its icons, `(names, F)`.
        checks: What the judge gets right on real icons that it did not learn from.
    """

    encode: Encode
    style: Head
    content: Head
    real: Mapping[str, Features]
    checks: Mapping[str, float]

    def judge(self, images: Images, names: Sequence[int], styles: Sequence[str]) -> dict[str, float]:
        """Measure pictures that should show names in a mix of styles.

        Args:
            images: The pictures.
            names: What each should show.
            styles: The k styles that are mixed.

        Returns:
            `content`: the share whose name is among the first five; `STYLE`: its mean probability; `mixing`: k times
            that of the weakest of the mixed styles, 1 where all are alike and nothing else is seen; `success`: mixing ×
            content; `distance`: kernel distance to the real icons of the same names in the mixed styles.
        """
        features = self.encode(images)
        seen = dict(zip(ORDER, _probabilities(self.style, features).mean(axis=0).tolist(), strict=True))
        content = among_first(self.content, features, np.array(names))
        mixing = len(styles) * min(seen[style] for style in styles)
        real = np.concatenate([self.real[style][sorted(set(names))] for style in styles])
        return {
            "content": content,
            "mixing": mixing,
            "success": mixing * content,
            "distance": kernel_distance(features, real),
            **seen,
        }


Views = Mapping[str, Features]
"""Style → features of all names' icons, as they are and moved by a pixel, `(5, names, F)`."""


def views(icons: Icons, encode: Encode) -> Views:
    """Encode every real icon, as it is and moved."""
    return {
        style: np.stack([encode(np.roll(icons.images[style], step, axis=axis)) for axis, step in _MOVES])
        for style in ORDER
    }


def learn(icons: Icons, encode: Encode, seen: Views) -> Judge:
    """Learn both classifiers, and check them on what they did not see.

    Args:
        icons: The real icons.
        encode: The fixed encoder.
        seen: What it makes of the real icons.
    """
    real = {style: each[0] for style, each in seen.items()}
    learned = [{style: each[move] for style, each in seen.items()} for move in range(len(_MOVES) - 1)]
    everything, test = list(range(len(icons.names))), list(icons.parts["test"])
    style = _fit(*_labelled(real, icons.parts["train"], by_style=True))
    content = _fit(*_every_name(learned, everything))
    checks = _checks(seen, real, style, content, test)
    checks["content, style left out"] = _left_out(learned, everything)
    return Judge(encode, style, content, real, checks)


def _checks(
    seen: Views, real: Mapping[str, Features], style: Head, content: Head, test: Sequence[int]
) -> dict[str, float]:
    """Style on unseen names; names on icons moved another way; distances of real halves, and between styles."""
    shifted, count = np.concatenate([seen[each][-1] for each in ORDER]), len(real[ORDER[0]])
    rest, pairs = sorted(set(range(count)) - set(test)), list(combinations(ORDER, 2))
    apart = [kernel_distance(real[each][rest], real[each][list(test)]) for each in ORDER]
    others = [kernel_distance(real[one][list(test)], real[other][list(test)]) for one, other in pairs]
    return {
        "style": style.accuracy(*_labelled(real, test, by_style=True)),
        "content, moved": among_first(content, shifted, np.tile(np.arange(count), len(ORDER))),
        "distance, same style": float(np.mean(apart)),
        "distance, two styles": float(np.mean(others)),
    }


def _left_out(moves: Sequence[Mapping[str, Features]], names: Sequence[int]) -> float:
    """How often names are seen in a style that the classifier did not learn, on average over styles."""
    found = []
    for missing in ORDER:
        others = [{style: features for style, features in one.items() if style != missing} for one in moves]
        found.append(among_first(_fit(*_every_name(others, names)), moves[0][missing], np.array(names)))
    return float(np.mean(found))


def among_first(head: Head, features: Features, labels: NDArray[np.int64], count: int = 5) -> float:
    """The share of rows whose label is among the `count` largest logits."""
    logits = features @ head.weight.T + head.bias
    first = np.argsort(-logits, axis=1, kind="stable")[:, :count]
    return float((first == labels[:, None]).any(axis=1).mean())


def _every_name(moves: Sequence[Mapping[str, Features]], names: Sequence[int]) -> tuple[Features, NDArray[np.int64]]:
    parts = [_labelled(one, names, by_style=False) for one in moves]
    return np.concatenate([features for features, _ in parts]), np.concatenate([labels for _, labels in parts])


def kernel_distance(first: Features, second: Features) -> float:
    """The unbiased squared maximum mean discrepancy under (xᵀy / F + 1)³, of features standardised by their length.

    Source: the kernel inception distance (arXiv 1801.01401), here on another encoder. It may be a little below 0.

    Args:
        first: `(N, F)`.
        second: `(M, F)`.
    """
    x, y = (_to_length(features) for features in (first, second))

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = (a @ b.T / a.shape[1] + 1) ** 3
        return found

    within = [(matrix.sum() - np.trace(matrix)) / (len(a) * (len(a) - 1)) for a in (x, y) for matrix in (kernel(a, a),)]
    return float(sum(within) - 2 * kernel(x, y).mean())


def _to_length(features: Features) -> NDArray[np.float64]:
    """Features whose squares sum to F."""
    wide = features.astype(np.float64)
    scaled: NDArray[np.float64] = wide * np.sqrt(wide.shape[1]) / np.linalg.norm(wide, axis=1, keepdims=True)
    return scaled


def _labelled(
    real: Mapping[str, Features], names: Sequence[int], *, by_style: bool
) -> tuple[Features, NDArray[np.int64]]:
    styles = list(real)
    features = np.concatenate([real[style][list(names)] for style in styles])
    labels = (
        np.repeat([ORDER.index(style) for style in styles], len(names)) if by_style else np.tile(names, len(styles))
    )
    return features, labels.astype(np.int64)


def _fit(features: Features, labels: NDArray[np.int64]) -> Head:
    return heads.fit((features, labels), (features, labels), _STRENGTH)


def _probabilities(head: Head, features: Features) -> NDArray[np.float64]:
    logits = (features @ head.weight.T + head.bias).astype(np.float64)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return found


def enlarged(images: Images) -> Images:
    """uint8 `(N, 24, 24, 3)` → `(N, 56, 56, 3)`, as the demo's encoder takes them."""
    size = (ENCODED_SIDE, ENCODED_SIDE)
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)) for image in images])
