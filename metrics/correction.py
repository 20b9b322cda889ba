"""What noise correction did to the labels of a training set: shares of its images."""

import numpy as np

from core.outputs import Columns
from metrics.figure import Figures, percentage

Share = tuple[np.ndarray, np.ndarray]  # [n] whether an image counts, [n] whether it belongs to the whole


def figures(of_images: Columns) -> Figures:
    """Shares in percent, of the columns ``label``, ``pseudo``, ``kept`` and, where it is known, ``truth``.

    ``kept``: of all images; ``changed``: of those kept, the ones with another label than before; and those of
    :func:`against_truth`. A share of nothing is left out.
    """
    given, pseudo, kept = (of_images[name] for name in ("label", "pseudo", "kept"))
    shares = {"kept": (kept, np.ones_like(kept)), "changed": (pseudo != given, kept)}
    if "truth" in of_images:
        shares |= against_truth(given, pseudo, kept, of_images["truth"])
    return {
        name: percentage(int(counts[whole].sum()), int(whole.sum()))
        for name, (counts, whole) in shares.items()
        if whole.any()
    }


def against_truth(given: np.ndarray, pseudo: np.ndarray, kept: np.ndarray, truth: np.ndarray) -> dict[str, Share]:
    """What cleaning did to wrong labels, to right ones, and to images of no class.

    Args:
        given: ``[n]`` labels before cleaning.
        pseudo: ``[n]`` labels after it.
        kept: ``[n]`` whether an image was kept.
        truth: ``[n]`` true labels, -1 for out of distribution.

    Returns:
        ``noise_corrected``: of the wrongly labelled images of a class, those kept with their true label;
        ``clean_kept``: of the rightly labelled images, those kept with their label;
        ``out_of_distribution_dropped``: of the images of no class, those not kept.
    """
    strange = truth < 0
    is_right = kept & (pseudo == truth)
    return {
        "noise_corrected": (is_right, ~strange & (given != truth)),
        "clean_kept": (is_right, given == truth),
        "out_of_distribution_dropped": (~kept, strange),
    }
