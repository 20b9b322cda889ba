"""Calibration: how far confidence is from accuracy, over bins of equally many samples."""

from typing import NamedTuple

import numpy as np


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
