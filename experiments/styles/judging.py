"""What a picture shows, by one fixed encoder: its style, its name, and how far a set of pictures is from real icons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
            `content`: the share whose name is seen; `STYLE`: mean probability of each style; `mixing`: k times that
            of the weakest of the mixed styles, 1 where all are alike and nothing else is seen; `success`: mixing ×
            content; `distance`: kernel distance to the real icons of the same names in the mixed styles.
        """
        features = self.encode(images)
        seen = dict(zip(ORDER, _probabilities(self.style, features).mean(axis=0).tolist(), strict=True))
        content = self.content.accuracy(features, np.array(names))
        mixing = len(styles) * min(seen[style] for style in styles)
        real = np.concatenate([self.real[style][sorted(set(names))] for style in styles])
        return {
            "content": content,
            "mixing": mixing,
            "success": mixing * content,
            "distance": kernel_distance(features, real),
            **seen,
        }


def learn(icons: Icons, encode: Encode) -> Judge:
    """Learn both classifiers, and check them on what they did not see.

    Args:
        icons: The real icons.
        encode: The fixed encoder.
    """
    real = {style: encode(icons.images[style]) for style in ORDER}
    train, test = list(icons.parts["train"]), list(icons.parts["test"])
    style = _fit(*_labelled(real, train, by_style=True))
    everything = list(range(len(icons.names)))
    content = _fit(*_labelled(real, everything, by_style=False))
    return Judge(encode, style, content, real, _checks(icons, encode, real, style, content, test))


def _checks(
    icons: Icons, encode: Encode, real: Mapping[str, Features], style: Head, content: Head, test: Sequence[int]
) -> dict[str, float]:
    """Style on unseen names; names on moved icons, and in a style that was left out; distances of real halves."""
    left_out = []
    for missing in ORDER:
        others = {name: features for name, features in real.items() if name != missing}
        head = _fit(*_labelled(others, range(len(icons.names)), by_style=False))
        left_out.append(head.accuracy(real[missing], np.arange(len(icons.names))))
    moved = np.concatenate([encode(np.roll(icons.images[name], 1, axis=2)) for name in ORDER])
    rest = sorted(set(range(len(icons.names))) - set(test))
    apart = [kernel_distance(real[style][rest], real[style][list(test)]) for style in ORDER]
    others = [
        kernel_distance(real[one][list(test)], real[other][list(test)])
        for one in ORDER
        for other in ORDER
        if one < other
    ]
    return {
        "style": style.accuracy(*_labelled(real, test, by_style=True)),
        "content, moved": content.accuracy(moved, np.tile(np.arange(len(icons.names)), len(ORDER))),
        "content, style left out": float(np.mean(left_out)),
        "distance, same style": float(np.mean(apart)),
        "distance, two styles": float(np.mean(others)),
    }


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
    real: Mapping[str, Features], names: Sequence[int] | range, *, by_style: bool
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
