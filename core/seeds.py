"""Random numbers as a function of what they are for, so that nothing depends on the order of events."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, *position: int) -> np.random.Generator:
    """An independent generator for one purpose at one position (at most three numbers, such as epoch and index).

    The same arguments give the same numbers in every process, whatever was drawn before: a run that was interrupted,
    or that has another number of data-loading workers, sees the same augmentations.
    """
    key = np.array([seed, zlib.crc32(purpose.encode())], dtype=np.uint64)
    counter = np.array([0, *position, 0, 0, 0][:4], dtype=np.uint64)  # the first word counts the numbers drawn
    return np.random.Generator(np.random.Philox(counter=counter, key=key))
