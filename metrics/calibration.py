"""Calibration: how far confidence is from accuracy, over bins of equally many samples."""

from typing import NamedTuple

import numpy as np

from core.outputs import Columns
from metrics.figure import Figures


class Bins(NamedTuple):
    """A reliability diagram: one entry for each bin, the least confident first.

    Attributes:
        confidence: ``[bins]`` mean confidence.
        accuracy: ``[bins]`` share of correct samples.
        samples: ``[bins]`` how many samples.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    samples: np.ndarray


def equal_mass_bins(confidence: np.ndarray, correct: np.ndarray, size: int) -> Bins:
    """Sort by confidence, cut into bins of ``size`` samples; the last bin takes the rest too.

    With fewer samples than two bins need, all are in one. Samples of equal confidence share their mean correctness, so
    that the order of the data set, in which ties would otherwise be sorted, does not count.

    Args:
        confidence: ``[n]`` in [0, 1], at least one.
        correct: ``[n]`` boolean.
        size: of a bin.
    """
    ranked, correct_ranked = np.sort(confidence), np.sort(np.compress(correct, confidence))
    starts = np.arange(max(1, len(ranked) // size)) * size
    samples = np.diff(starts, append=len(ranked))
    first = ranked[starts]
    below, through = (np.searchsorted(ranked, first, side) for side in ("left", "right"))
    hits_below, hits_through = (np.searchsorted(correct_ranked, first, side) for side in ("left", "right"))
    share_before = (starts - below) / (through - below)  # of the samples as confident as a bin's first
    hits_before = hits_below + share_before * (hits_through - hits_below)
    hits = np.diff(hits_before, append=len(correct_ranked))
    return Bins(np.add.reduceat(ranked, starts) / samples, hits / samples, samples)


def calibration_error(bins: Bins) -> float:
    """Root of the mean over samples of the squared gap between confidence and accuracy in their bin, in [0, 1]."""
    return _root_mean_square(bins, slice(None))


def calibration_error_without_last_bin(bins: Bins) -> float | None:
    """The figure of ImageNet-R's and ImageNet-A's authors, whose script leaves out the last, most confident bin.

    The squared gaps of the other bins are summed, and still divided by the number of all samples. None where there is
    but one bin: a sum over nothing would look like perfect calibration.
    """
    return _root_mean_square(bins, slice(-1)) if len(bins.samples) > 1 else None


def _root_mean_square(bins: Bins, chosen: slice) -> float:
    squared_gaps = (bins.confidence - bins.accuracy) ** 2
    return float(np.sqrt((bins.samples * squared_gaps)[chosen].sum() / bins.samples.sum()))


def figures(of_images: Columns) -> Figures:
    """Accuracy and calibration errors in percent, from the columns of :mod:`metrics.top_k` and a ``bin_size``.

    The calibration error is given over all bins and, where there are several, as the data sets' authors compute it.
    """
    correct = _correct(of_images)
    values = {"accuracy": float(correct.mean())} | _errors(reliability(of_images))
    return {name: {"value": 100 * value, "unit": "%", "n": len(correct)} for name, value in values.items()}


def resampled(of_images: Columns, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The figures of resamples, ``[m]`` each; ``weights`` say how often each has each image, ``[n, m]``."""
    confidence, correct, size = of_images["confidence"], _correct(of_images), int(of_images["bin_size"])
    found: dict[str, list[float]] = {}
    for of_resample in weights.T:
        drawn = np.repeat(np.arange(len(correct)), of_resample)
        values = {"accuracy": float(correct[drawn].mean())}
        values |= _errors(equal_mass_bins(confidence[drawn], correct[drawn], size))
        for name, value in values.items():
            found.setdefault(name, []).append(100 * value)
    return {name: np.array(values) for name, values in found.items()}


def reliability(of_images: Columns) -> Bins:
    """The reliability diagram of an output."""
    return equal_mass_bins(of_images["confidence"], _correct(of_images), int(of_images["bin_size"]))


def _correct(of_images: Columns) -> np.ndarray:
    return of_images["classes"][:, 0] == of_images["label"]


def _errors(bins: Bins) -> dict[str, float]:
    values = {"calibration_error": calibration_error(bins)}
    without_last_bin = calibration_error_without_last_bin(bins)
    return values if without_last_bin is None else values | {"calibration_error_without_last_bin": without_last_bin}
