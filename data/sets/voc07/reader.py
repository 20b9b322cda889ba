"""PASCAL VOC 2007 classification in the folder structure of its devkit.

``VOC2007/ImageSets/Main/<class>_<split>.txt`` holds ``image flag`` lines, flag 1 for present, -1 for absent and 0 for
present but difficult only; images lie under ``VOC2007/JPEGImages``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import InputError
from data.images import ImageTable, require_folder
from data.listing import files_in
from data.misplaced import FolderStructure, require_structure
from data.paths import Paths, shown

STRUCTURE = FolderStructure("the VOC2007 devkit", "data.voc07", ("VOC2007/ImageSets/Main",))
CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def read_classification(root: Path, split: Literal["trainval", "test"], classes: int) -> ImageTable:
    """The images of a split with multi-labels ``[n, classes]``; classes are in alphabetical order.

    A difficult object counts as absent, as in the low-shot protocol.

    Args:
        root: the devkit folder, the one that holds ``VOC2007``.
        split: which of the image sets.
        classes: how many classes the devkit must describe (20 in the real one).

    Raises:
        InputError: the folder or a list is missing, a line is malformed, or the lists disagree about the images.
    """
    year = require_folder(require_structure(root, STRUCTURE) / "VOC2007", "VOC2007 devkit")
    lists = files_in(year / "ImageSets" / "Main", (f"_{split}.txt",))
    difference = _difference([path.name.removesuffix(f"_{split}.txt") for path in lists])
    if len(lists) != classes or difference:
        raise InputError(
            f"{shown(year)}/ImageSets/Main holds {len(lists)} class lists for {split}, expected {classes}: {difference}"
            "complete the devkit (the test lists come in an archive of their own)."
        )
    columns = [_read_list(path) for path in lists]
    names = list(columns[0])
    for path, column in zip(lists, columns, strict=True):
        if list(column) != names:
            raise InputError(f"{shown(path)} names other images than {shown(lists[0])}: fetch the devkit again.")
    labels = np.array([[int(column[name] == 1) for column in columns] for name in names])
    paths = Paths.of(f"{name}.jpg" for name in names)
    return ImageTable(year / "JPEGImages", paths, labels, classes, lists[0])


def _difference(found: Sequence[str]) -> str:
    """Which of the real devkit's classes are missing, and which lists are of none; nothing for another devkit."""
    if len(set(found).intersection(CLASSES)) < len(CLASSES) / 2:
        return ""
    strangers, missing = sorted(set(found).difference(CLASSES)), sorted(set(CLASSES).difference(found))
    told = [f"{', '.join(map(shown, strangers))} is no class of it"] if strangers else []
    told += [f"{', '.join(missing)} is missing"] if missing else []
    return "".join(f"{part}; " for part in told)


def _read_list(path: Path) -> dict[str, int]:
    try:
        lines = path.read_bytes().decode(errors="surrogateescape").splitlines()
    except OSError as error:
        raise InputError(f"The list {shown(path)} cannot be read ({error.strerror}): fetch the devkit again.") from None
    if not lines:
        raise InputError(f"The list {shown(path)} is empty, expected an 'image flag' line for each image: restore it.")
    flags: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if len(parts) != 2 or parts[1] not in ("1", "0", "-1"):
            raise InputError(
                f"{shown(path)}, line {number}: found '{shown(line)}', expected 'image flag' with flag 1, 0 or -1: "
                "fetch the devkit again."
            )
        if parts[0] in flags:
            raise InputError(
                f"{shown(path)}, line {number}: the image {shown(parts[0])} is named a second time: take one line out."
            )
        flags[parts[0]] = int(parts[1])
    return flags
