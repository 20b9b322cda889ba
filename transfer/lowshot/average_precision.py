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
