"""What noise correction makes of the images of a training set."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Correction:
    """Noise correction, applied to n images.

    Attributes:
        pseudo: ``[n]`` labels after it.
        kept: ``[n]`` whether an image is kept, or else counts as out of distribution.
        given_score: ``[n]`` soft score of the label as given.
        highest: ``[n]`` highest soft score of any class.
        prototype: ``[n]`` class of the nearest prototype.
        similarity: ``[n]`` cosine between embedding and that prototype.
    """

    pseudo: np.ndarray
    kept: np.ndarray
    given_score: np.ndarray
    highest: np.ndarray
    prototype: np.ndarray
    similarity: np.ndarray
