"""What the images of a data set are, by content: digests, and sizes, of a sample of them.

The same copy gives the same under another path and in shards, a resized or re-encoded one gives something else, and a
few hundred images are read, however many there are. An image that is missing, or is no image, counts as that: what
identifies a damaged set has to be computable, and whoever uses the image says what is wrong.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from core.seeds import generator

SAMPLE = 256  # images
MOST, FEW = 0.5, 0.01  # shares of the sample, for the rule of described_sizes
MISSING = (1 << 64) - 1  # stands for the number of bytes of an image that cannot be opened


class Opened(NamedTuple):
    """An image's bytes, and its sides in pixels."""

    content: bytes
    width: int
    height: int


def sampled_rows(images: int) -> np.ndarray:
    """``[min(images, 256)]``: one row of each 256th part of a table, ascending, drawn from the number of images alone.

    In equal parts, because most tables are sorted by class.
    """
    parts = min(images, SAMPLE)
    bounds = np.arange(parts + 1) * images // max(parts, 1)
    drawn = generator(0, "identity", images).random(parts)
    return bounds[:-1] + (drawn * np.diff(bounds)).astype(np.int64)


def content_of(images: int, opened: Callable[[int], Opened | None]) -> dict[str, object]:
    """What a fingerprint says of the content of a table.

    Args:
        images: how many the table has.
        opened: from a row to its image; None where that is missing or no image.
    """
    of_bytes, of_sides = hashlib.sha256(), hashlib.sha256()
    sides: list[tuple[int, int]] = []
    rows = sampled_rows(images).tolist()
    for image in map(opened, rows):
        size = (0, 0) if image is None else image[1:]
        of_bytes.update(MISSING.to_bytes(8, "little") if image is None else len(image.content).to_bytes(8, "little"))
        of_bytes.update(b"" if image is None else image.content)
        of_sides.update(b"".join(side.to_bytes(8, "little") for side in size))
        if image is not None:
            sides.append(size)
    measured = sorted(min(size) for size in sides), sorted(max(size) for size in sides)
    short, long = (lengths[(len(lengths) - 1) // 2] if lengths else None for lengths in measured)
    return {
        "sampled": len(rows),
        "sample_sha256": of_bytes.hexdigest(),
        "sides_sha256": of_sides.hexdigest(),
        "short_side": short,
        "long_side": long,
        "sizes": described_sizes(sides),
    }


def described_sizes(sides: list[tuple[int, int]]) -> str | None:
    """What the sides of the sampled images say of the copy, in words; None of no image.

    A length is a limit if half of the images have it and no more than one in a hundred exceeds it; photographs as they
    come have no such limit on their short side. ``resized to 256``: the short side has a limit; ``resized to 256 x
    256``: so has the long one, and it is the same; ``long side at most 500``: the long side alone has one, as in some
    releases from the beginning; ``original``: neither has.
    """
    if not sides:
        return None
    short, long = (_limit(np.array([of(size) for size in sides])) for of in (min, max))
    if short is not None:
        return f"resized to {short} x {short}" if short == long else f"resized to {short}"
    return "original" if long is None else f"long side at most {long}"


def _limit(lengths: np.ndarray) -> int | None:
    """The length that is a limit, if one is: only the most frequent one can be."""
    values, counts = np.unique(lengths, return_counts=True)
    value = values[counts.argmax()]
    is_limit = counts.max() >= MOST * len(lengths) and np.mean(lengths > value) <= FEW
    return int(value) if is_limit else None


NO_IMAGE = "00" * 32  # the digest of all images before the first


def digest_after(digest: str, images: Iterable[bytes]) -> str:
    """The digest of all images up to some, from that of all before them: one can stop at any, and go on.

    After each image it is the SHA-256 of what it was before, and of the image's own SHA-256.

    Args:
        digest: so far, in hexadecimal.
        images: the SHA-256 of each of the next ones, in order.
    """
    link = bytes.fromhex(digest)
    for image in images:
        link = hashlib.sha256(link + image).digest()
    return link.hex()
