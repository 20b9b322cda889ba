"""PASCAL VOC 2007 classification in the layout of its devkit.

``VOC2007/ImageSets/Main/<class>_<split>.txt`` holds ``image flag`` lines, flag 1 for present, -1 for absent and 0 for
present but difficult only; images lie under ``VOC2007/JPEGImages``.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import InputError
from data.images import ImageTable, require_folder
from data.paths import Paths


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
    year = require_folder(root / "VOC2007", "VOC2007 devkit")
    lists = sorted((year / "ImageSets" / "Main").glob(f"*_{split}.txt"))
    if len(lists) != classes:
        raise InputError(
            f"{year}/ImageSets/Main holds {len(lists)} class lists for {split}, expected {classes}: "
            "complete the devkit (the test lists come in an archive of their own)."
        )
    columns = [_read_list(path) for path in lists]
    names = list(columns[0])
    for path, column in zip(lists, columns, strict=True):
        if list(column) != names:
            raise InputError(f"{path} names other images than {lists[0]}: fetch the devkit again.")
    labels = np.array([[int(column[name] == 1) for column in columns] for name in names])
    paths = Paths.of(f"{name}.jpg" for name in names)
    return ImageTable(year / "JPEGImages", paths, labels, classes, lists[0])


def _read_list(path: Path) -> dict[str, int]:
    flags: dict[str, int] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        parts = line.split()
        if len(parts) != 2 or parts[1] not in ("1", "0", "-1"):
            raise InputError(f"{path}, line {number}: found {line!r}, expected 'image flag' with flag 1, 0 or -1.")
        flags[parts[0]] = int(parts[1])
    return flags
