"""The true labels of the miniature's web images, for analysis alone: nothing that trains may read them."""

import numpy as np

from core.errors import InputError
from data.images import ImageTable

HIDDEN_TRUTH = "info/hidden_truth.txt"


def read_hidden_truth(images: ImageTable) -> np.ndarray | None:
    """The true label ``[n]`` of every training image, -1 for out of distribution; None where the truth is not known.

    Where the table has only some of the classes, what shows another is out of distribution.

    Raises:
        InputError: the list doesn't name the training images in their order (it may name others between them).
    """
    path = images.root / HIDDEN_TRUTH
    if not path.exists():
        return None
    fields = iter([line.rsplit(maxsplit=1) for line in path.read_bytes().splitlines()])
    truth = [next((int(label) for name, label in fields if name == wanted), None) for wanted in images.paths]
    if None in truth:
        raise InputError(f"{path} does not name the {len(images)} training images in their order: build the set anew.")
    labels = np.array(truth)
    if images.numbers is None:
        return labels
    number = {label: place for place, label in enumerate(images.numbers)}
    return np.array([number.get(label, -1) for label in labels.tolist()])
