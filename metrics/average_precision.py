"""Average precision as the area under the precision envelope (the measure of PASCAL VOC since 2010)."""

import numpy as np


def average_precision(present: np.ndarray, scores: np.ndarray) -> float:
    """The area under the monotone envelope of precision over recall.

    Args:
        present: ``[n]``, true for positives; at least one.
        scores: ``[n]``, higher is more likely present. Samples of equal scores are retrieved together, so that the
            order of the data set does not count.

    Returns:
        A fraction in (0, 1].
    """
    ranked, positives = np.sort(scores), np.sort(scores[np.asarray(present, dtype=bool)])
    hits = len(positives) - np.searchsorted(positives, positives)  # at the score of each positive, the lowest first
    precision = hits / (len(ranked) - np.searchsorted(ranked, positives))
    envelope = np.maximum.accumulate(precision)
    return float(envelope.mean())


def resampled_average_precision(present: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same of resamples: ``[m]``, NaN where a resample has no positive.

    Args:
        present: ``[n]``.
        scores: ``[n]``.
        weights: ``[n, m]``, how often each resample has each sample.
    """
    order = np.argsort(scores)
    ranked, places = scores[order], np.flatnonzero(np.asarray(present, dtype=bool)[order])
    thresholds, first = np.unique(ranked[places], return_index=True)  # the scores of positives, ascending
    drawn = weights[order]
    of_threshold = np.add.reduceat(drawn[places], first, axis=0, dtype=np.int64)
    between = np.add.reduceat(drawn, np.searchsorted(ranked, thresholds), axis=0, dtype=np.int64)
    hits, retrieved = (np.cumsum(those[::-1], axis=0)[::-1] for those in (of_threshold, between))
    # A threshold that a resample does not have has no more hits than the next one above it, and no smaller number
    # retrieved: it never sets the envelope.
    envelope = np.maximum.accumulate(hits / np.maximum(retrieved, 1), axis=0)
    with np.errstate(invalid="ignore"):
        return (of_threshold * envelope).sum(axis=0) / hits[0]
