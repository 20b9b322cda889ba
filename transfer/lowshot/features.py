"""What transfer does to frozen features before it uses them."""

import numpy as np

from core.errors import InputError


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Each row divided by its Euclidean norm plus 1e-5 (low-shot protocol).

    Raises:
        InputError: a norm is not finite.
    """
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(features, axis=1, keepdims=True)
    if not np.isfinite(norms).all():
        raise InputError(
            f"The model's features are too large to be scaled to unit length ({np.abs(features).max():g} among them): "
            "name another checkpoint, or train it with a lower learning rate."
        )
    return features / (norms + 1e-5)
