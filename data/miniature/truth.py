"""The true labels of the miniature's web images, for analysis alone: nothing that trains may read them."""

import numpy as np

from core.errors import InputError
from data.images import ImageTable

HIDDEN_TRUTH = "info/hidden_truth.txt"


def read_hidden_truth(images: ImageTable) -> np.ndarray | None:
    """The true label ``[n]`` of every training image, -1 for out of distribution; None where the truth is not known.

    Raises:
        InputError: the list names other images than the training set, or in another order.
    """
    path = images.root / HIDDEN_TRUTH
    if not path.exists():
        return None
    fields = [line.rsplit(maxsplit=1) for line in path.read_bytes().splitlines()]
    if [name for name, _ in fields] != images.paths.tolist():
        raise InputError(f"{path} does not name the {len(images)} training images in their order: build the set anew.")
    return np.array([int(label) for _, label in fields])
