"""Random numbers as a function of what they are for, so that nothing depends on the order of events."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, *position: int) -> np.random.Generator:
    """An independent generator for one purpose at one position (an epoch, an image index, a draw).

    The same arguments give the same numbers in every process, whatever was drawn before: a run that was interrupted,
    or that has another number of data-loading workers, sees the same augmentations.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *position])
