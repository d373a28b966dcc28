"""Handwritten digits at 8 × 8 from another set of writers: scikit-learn's `load_digits` (BSD)."""

import numpy as np
from sklearn.datasets import load_digits

from demo.pictures import Pictures, from_grey

PACKAGES = ("scikit-learn",)


def load() -> Pictures:
    """1,797 pictures in ten classes; grey levels 0…16 are spread over 0…255."""
    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)
    return from_grey(grey, digits.target, map(str, range(10)))
