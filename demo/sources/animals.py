"""Animal silhouettes: the 10,000 images of animal-shape-mnist (MIT), which ships them as gzipped pickles."""

import gzip

import numpy as np

from demo.packages import package_file
from demo.pictures import Pictures, from_grey
from demo.unpickling import array_from_pickle

PACKAGES = ("animal-shape-mnist",)
FOLDER = "animal_shape_mnist/data/Animal Shape"


def load() -> Pictures:
    """10,000 pictures in ten classes, repetitions included."""
    images = _array("animal_data_version_3.gz").reshape(-1, 28, 28)
    return from_grey(images, _array("animal_label_version_3.gz").reshape(-1), map(str, range(10)))


def _array(name: str) -> np.ndarray:
    return array_from_pickle(gzip.decompress(package_file("animal-shape-mnist", f"{FOLDER}/{name}").read_bytes()))
