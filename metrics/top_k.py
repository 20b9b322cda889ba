"""Accuracy among the first classes that a classifier names."""

import numpy as np

from core.outputs import Columns, smallest
from metrics.figure import Figures, percentage

TOP = 5
FIGURES = {"top1": 1, "top5": TOP}


def columns(paths: np.ndarray, labels: np.ndarray, classes: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of an output.

    Args:
        paths: ``[n]`` of the images, bytes.
        labels: ``[n]`` true classes.
        classes: ``[n, 5]`` that were named first, the first one in front; as many as there are, if there are fewer.
        scores: of these, in [0, 1]; kept to three digits, but for the first one's, which is kept as it is.
    """
    return {
        "path": paths,
        "label": smallest(labels),
        "classes": smallest(classes),
        "scores": scores.astype(np.float16),
        "confidence": scores[:, 0],
    }


def figures(of_images: Columns) -> Figures:
    """``top1`` and ``top5`` in percent: images with the label in front, or among the first five, by all images."""
    right = _right(of_images)
    return {name: percentage(int(right[name].sum()), len(right[name])) for name in FIGURES}


def resampled(of_images: Columns, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The figures of resamples, ``[m]`` each; ``weights`` say how often each has each image, ``[n, m]``."""
    return {name: 100 * (right @ weights) / weights.sum(axis=0) for name, right in _right(of_images).items()}


def _right(of_images: Columns) -> dict[str, np.ndarray]:
    named = of_images["classes"] == of_images["label"][:, None]
    return {name: named[:, :k].any(axis=1) for name, k in FIGURES.items()}
