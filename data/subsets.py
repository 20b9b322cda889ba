"""Parts of a training set: drawn at random, or named in a list."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.seeds import generator
from data.config import DrawnSubset
from data.images import ImageTable


def select_classes(images: ImageTable, labels: Sequence[int]) -> ImageTable:
    """The images of some classes: that of ``labels[i]`` becomes class i. The table has all of its data set's.

    Raises:
        InputError: there is none.
    """
    numbers = renumbered(images.labels, labels, images.classes)
    rows = np.flatnonzero(numbers >= 0)
    if not rows.size:
        raise InputError(
            f"{images.source} has no image of the {len(labels)} classes that are kept: correct part in the profile."
        )
    kept = images.subset(rows)
    return replace(kept, labels=numbers[rows], classes=len(labels), numbers=tuple(labels))


def renumbered(labels: np.ndarray, kept: Sequence[int], classes: int) -> np.ndarray:
    """``[n]`` labels ``kept[i]`` as i, all others as -1.

    Args:
        labels: ``[n]``, in ``[0, classes)``.
        kept: some of the classes.
        classes: how many there are.
    """
    numbers = np.full(classes, -1)
    numbers[list(kept)] = np.arange(len(kept))
    return numbers[labels]


def random_subset(images: ImageTable, fraction: float, seed: int) -> ImageTable:
    """A uniform draw of ``round(fraction * n)`` images without replacement, in the table's order.

    A function of size, fraction and seed alone; with the same seed, a smaller fraction lies inside a larger one.
    """
    return images.subset(drawn_rows(images, round(fraction * len(images)), seed))


def drawn_rows(images: ImageTable, count: int, seed: int) -> np.ndarray:
    """``[count]``: the rows of a uniform draw of images without replacement, in ascending order.

    Raises:
        InputError: there are fewer.
    """
    if count > len(images):
        raise InputError(
            f"A subset of {count} images is to be drawn, {images.source} names {len(images)}: "
            "lower the subset's number of images in the profile, or complete the data set."
        )
    order = generator(seed, "subset").permutation(len(images))
    return np.sort(order[:count])


def chosen_images(images: ImageTable, subset: DrawnSubset | None, exclusions: Path | None) -> ImageTable:
    """The drawn images, or all, without those that a list of relative paths names.

    The draw comes first: leaving a broken image out changes nothing else.

    Raises:
        InputError: there are fewer images than are to be drawn, or the list cannot be read, doesn't fit or names all.
    """
    chosen = np.ones(len(images), dtype=bool)
    if subset is not None:
        chosen[:] = False
        chosen[drawn_rows(images, subset.images, subset.seed)] = True
    if exclusions is not None:
        chosen &= ~images_named_in(images, exclusions)
        if not chosen.any():
            raise InputError(
                f"{exclusions} leaves out every image of {images.source}: correct the list, or complete the data set."
            )
    return images if chosen.all() else images.subset(np.flatnonzero(chosen))


def images_named_in(images: ImageTable, path: Path) -> np.ndarray:
    """``[n]``: whether a list of relative paths, one a line, names the image; an empty list names none.

    Raises:
        InputError: the list cannot be read, or names what is not among the images.
    """
    try:
        names = path.read_bytes().splitlines()
    except OSError:
        raise InputError(f"The list {path} cannot be read: name the right file in the profile.") from None
    wanted = set(names)
    named = np.fromiter((name in wanted for name in images.paths), dtype=bool, count=len(images))
    strangers = wanted.difference(images.paths[named])
    if strangers:
        line = next(number for number, name in enumerate(names, start=1) if name in strangers)
        raise InputError(
            f"{path}, line {line}: {names[line - 1].decode(errors='replace')!r} is not in {images.source}, expected "
            "the path of an image as it is given there: correct the list."
        )
    return named


def listed_subset(images: ImageTable, path: Path) -> ImageTable:
    """The images that a list names, in its order.

    A line is the name of a file such as ``n04235860_14959.JPEG``; what comes before ``_`` is its synset, and so its
    folder.

    Raises:
        InputError: the list cannot be read or is empty, or a name is not among the images or appears twice.
    """
    try:
        names = path.read_bytes().splitlines()
    except OSError:
        raise InputError(f"The list {path} cannot be read: name the right file in the profile.") from None
    if not names:
        raise InputError(f"The list {path} is empty: expected the name of an image on each line.")
    rows = {name: row for row, name in enumerate(images.paths)}
    chosen: dict[int, int] = {}  # row -> line
    for line, name in enumerate(names, start=1):
        row = rows.get(name.partition(b"_")[0] + b"/" + name)
        if row is None:
            raise InputError(
                f"{path}, line {line}: {name.decode(errors='replace')!r} is not in {images.source}, expected the name "
                "of an image there, such as n04235860_14959.JPEG: correct the list, or complete the data set."
            )
        if row in chosen:
            raise InputError(
                f"{path}, line {line}: {name.decode()!r} is on line {chosen[row]} already: take one of them out."
            )
        chosen[row] = line
    return replace(images.subset(np.array(list(chosen))), source=path)
