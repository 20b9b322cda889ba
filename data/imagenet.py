"""ImageNet as folders: ``train/<synset>/*.JPEG`` and ``val/<synset>/*.JPEG``; class i is the i-th synset, sorted."""

import os
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
    folder = require_folder(root / split, "ImageNet")
    synsets = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    if len(synsets) != classes:
        raise InputError(f"{folder} holds {len(synsets)} synset folders, expected {classes}: complete the data set.")
    paths: list[str] = []
    labels: list[int] = []
    for label, synset in enumerate(synsets):
        names = sorted(entry.name for entry in os.scandir(folder / synset) if entry.name.lower().endswith(SUFFIXES))
        if not names:
            raise InputError(f"{folder / synset} holds no image: complete the data set.")
        paths += [f"{synset}/{name}" for name in names]
        labels += [label] * len(names)
    return ImageTable(folder, np.array(paths, dtype=bytes), np.array(labels), classes, folder)
