"""Average precision as the area under the precision envelope (the measure of PASCAL VOC since 2010)."""

import numpy as np


def average_precision(present: np.ndarray, scores: np.ndarray) -> float:
    """The area under the monotone envelope of precision over recall.

    Args:
        present: ``[n]``, true for positives; at least one.
        scores: ``[n]``, higher is more likely present. Equal scores keep their order.

    Returns:
        A fraction in (0, 1].
    """
    ranked = np.asarray(present, dtype=bool)[np.argsort(-scores, kind="stable")]
    positives = np.flatnonzero(ranked)
    precision = np.arange(1, len(positives) + 1) / (positives + 1)
    envelope = np.maximum.accumulate(precision[::-1])
    return float(envelope.mean())
