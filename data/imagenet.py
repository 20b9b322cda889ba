"""ImageNet as folders: ``train/<synset>/*.JPEG`` and ``val/<synset>/*.JPEG``; class i is the i-th synset, sorted."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import InputError
from data.images import ImageTable, require_folder

SUFFIXES = (".jpeg", ".jpg", ".png")


def read_split(root: Path, split: Literal["train", "val"], classes: int) -> ImageTable:
    """The images of one split, sorted by synset and name.

    Raises:
        InputError: the folder is missing, holds another number of synsets than ``classes``, or a synset has no image.
    """
    synsets = read_synsets(root, split, classes)
    return table_of_synsets(root / split, dict(zip(synsets, range(classes), strict=True)), classes)


def read_synsets(root: Path, split: Literal["train", "val"], classes: int) -> list[str]:
    """The names of the split's synset folders; class i is the i-th.

    Raises:
        InputError: the folder is missing, or holds another number of synsets than ``classes``.
    """
    folder = require_folder(root / split, "ImageNet")
    synsets = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    if len(synsets) != classes:
        raise InputError(f"{folder} holds {len(synsets)} synset folders, expected {classes}: complete the data set.")
    return synsets


def table_of_synsets(folder: Path, labels: Mapping[str, int], classes: int) -> ImageTable:
    """The images of the named synset folders, in the order of ``labels`` (synset to class index) and by name.

    Raises:
        InputError: a synset has no image.
    """
    paths: list[str] = []
    label_of_each: list[int] = []
    for synset, label in labels.items():
        names = sorted(entry.name for entry in os.scandir(folder / synset) if entry.name.lower().endswith(SUFFIXES))
        if not names:
            raise InputError(f"{folder / synset} holds no image: complete the data set.")
        paths += [f"{synset}/{name}" for name in names]
        label_of_each += [label] * len(names)
    return ImageTable(folder, np.array(paths, dtype=bytes), np.array(label_of_each), classes, folder)
