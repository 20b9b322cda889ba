"""Means over repeated draws of a few training images: average precision of scores, accuracy of named classes.

Both outputs hold ``k``, ``[draws]``: how many images of a class each draw has; a figure is the mean over the draws of
one k, ``k1``, ``k2``, ...
"""

import numpy as np

from core.outputs import Columns, smallest
from metrics.average_precision import average_precision, resampled_average_precision
from metrics.figure import Figures


def ranks(scores: np.ndarray) -> np.ndarray:
    """The scores ``[classes, n]`` as ranks within each class, from 0; equal scores have equal ranks."""
    return smallest(np.stack([np.unique(of_class, return_inverse=True)[1].reshape(-1) for of_class in scores]))


def mean_average_precision(present: np.ndarray, scores: np.ndarray) -> float:
    """The mean over classes of the average precision, a fraction in [0, 1].

    Args:
        present: ``[n, classes]``, true where a class is present.
        scores: ``[classes, n]``, or their ranks.
    """
    return float(np.mean([average_precision(*of_class) for of_class in zip(present.T, scores, strict=True)]))


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """The share of ``[n]`` samples whose class was named, in [0, 1]."""
    right = predicted == labels
    return int(right.sum()) / len(right)


def score_figures(of_images: Columns) -> Figures:
    """Mean average precision in percent, of ``ranks`` ``[draws, classes, n]`` and ``present`` ``[n, classes]``."""
    present = of_images["present"]
    return _over_draws(of_images, [mean_average_precision(present, scores) for scores in of_images["ranks"]])


def resampled_scores(of_images: Columns, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The same of resamples of the images, ``[m]`` each; ``weights``, ``[n, m]``, say how often each has each image."""
    present = of_images["present"]

    def precision(ranked: np.ndarray) -> np.ndarray:
        of_classes = zip(present.T, ranked, strict=True)
        return np.nanmean([resampled_average_precision(*of_class, weights) for of_class in of_classes], axis=0)

    return _means(of_images, np.array([precision(ranked) for ranked in of_images["ranks"]]))


def class_figures(of_images: Columns) -> Figures:
    """Accuracy in percent, of the ``predicted`` classes ``[draws, n]`` and the ``label`` ``[n]``."""
    return _over_draws(of_images, [accuracy(predicted, of_images["label"]) for predicted in of_images["predicted"]])


def resampled_classes(of_images: Columns, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The same of resamples of the images, ``[m]`` each; ``weights``, ``[n, m]``, say how often each has each image."""
    right = of_images["predicted"] == of_images["label"]
    return _means(of_images, right @ weights.astype(np.float64) / weights.sum(axis=0))


def _over_draws(of_images: Columns, fractions: list[float]) -> Figures:
    by_k: dict[int, list[float]] = {}
    for k, fraction in zip(of_images["k"].tolist(), fractions, strict=True):
        by_k.setdefault(k, []).append(fraction)
    return {
        f"k{k}": {
            "value": 100 * float(np.mean(values)),
            "unit": "%",
            "n": len(values),
            "spread": 100 * float(np.std(values, ddof=1)),
        }
        for k, values in by_k.items()
    }


def _means(of_images: Columns, fractions: np.ndarray) -> dict[str, np.ndarray]:
    """Over the draws of each k, of ``[draws, m]``."""
    of_draw = of_images["k"]
    return {f"k{k}": 100 * fractions[of_draw == k].mean(axis=0) for k in dict.fromkeys(of_draw.tolist())}
