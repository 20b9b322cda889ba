"""Decodes images in several processes, exactly as training does, and names those that are broken."""

import hashlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import numpy as np

from core.errors import InputError
from core.processes import end_with_parent, ignoring_interrupts, kill_children
from core.seeds import generator
from data.images import ImageTable

IMAGES_AT_ONCE = 200


class Decoded(NamedTuple):
    """A few images that were read one after the other.

    Attributes:
        digests: the SHA-256 of each; of nothing for one that cannot be opened.
        bytes: of all together.
        broken: the row of each that is broken, with a sentence.
    """

    digests: list[bytes]
    bytes: int
    broken: list[tuple[int, str]]


_images: list[ImageTable] = []  # in a decoding process: the table that it was forked with


def sampled_rows(images: int, sample: int | None) -> np.ndarray:
    """The rows that are decoded, ascending: a draw that depends on the two numbers alone, or all with None."""
    if sample is None or sample >= images:
        return np.arange(images)
    return np.sort(generator(0, "verification", images).permutation(images)[:sample])


def decoded_images(images: ImageTable, rows: np.ndarray, processes: int) -> Iterator[Decoded]:
    """Decode some rows, in order; after every few, what they were.

    Args:
        images: the table; the processes share it.
        rows: which of its images.
        processes: how many decode side by side.

    Raises:
        InputError: the system has ended one of them.
    """
    parts = [rows[first : first + IMAGES_AT_ONCE] for first in range(0, len(rows), IMAGES_AT_ONCE)]
    context = multiprocessing.get_context("fork")  # the table is shared, not copied
    pool = ProcessPoolExecutor(processes, context, _begin, (images,))
    try:
        with ignoring_interrupts():
            outcomes = pool.map(_decode, parts)
        yield from outcomes
    except BrokenProcessPool:
        raise InputError(
            f"A process that decodes images of {images.source} was ended, probably because the system had no memory "
            "left: give the same command again, with fewer processes (--jobs), and it goes on."
        ) from None
    except BaseException:  # an interruption, or whoever asked wants no more
        kill_children()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(images: ImageTable) -> None:
    _images[:] = [images]
    end_with_parent()


def _decode(rows: np.ndarray) -> Decoded:
    (images,) = _images
    digests, size, broken = [], 0, []
    for row in rows.tolist():
        content = b""
        try:
            image = images.open(row)
            content = image.content
            image.pixels()
        except InputError as error:
            broken.append((row, error.sentence))
        digests.append(hashlib.sha256(content).digest())
        size += len(content)
    return Decoded(digests, size, broken)
