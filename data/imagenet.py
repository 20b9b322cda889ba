"""ImageNet as folders: ``train/<synset>/*.JPEG`` and ``val/<synset>/*.JPEG``; class i is the i-th synset, sorted.

The same names may lie in shards instead, ``train/shards/*.tar`` and ``val/shards/*.tar`` (see data/shards.py).
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import InputError
from data.images import ImageTable, require_folder
from data.paths import Paths
from data.shards import Shards, open_shards

SUFFIXES = (".jpeg", ".jpg", ".png")


def read_split(root: Path, split: Literal["train", "val"], classes: int) -> ImageTable:
    """The images of one split, sorted by synset and name.

    Raises:
        InputError: the folder is missing, holds another number of synsets than ``classes``, or a synset has no image.
    """
    folder = require_folder(root / split, "ImageNet")
    shards = open_shards(folder)
    files = _counted(folder, files_of_synsets(folder, shards), classes)
    return table_of_synsets(folder, files, range(classes), classes, shards)


def read_synsets(root: Path, split: Literal["train", "val"], classes: int) -> list[str]:
    """The names of the split's synset folders; class i is the i-th.

    Raises:
        InputError: the folder is missing, or holds another number of synsets than ``classes``.
    """
    folder = require_folder(root / split, "ImageNet")
    return list(_counted(folder, files_of_synsets(folder, open_shards(folder)), classes))


def files_of_synsets(folder: Path, shards: Shards | None) -> dict[str, list[str]]:
    """The names of the images of every synset folder, both sorted; a folder can be empty."""
    if shards is None:
        synsets = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        return {
            synset: sorted(entry.name for entry in os.scandir(folder / synset) if is_image(entry.name))
            for synset in synsets
        }
    files: dict[str, list[str]] = {}
    for path in shards.paths:
        synset, _, name = os.fsdecode(path).partition("/")
        if is_image(name):
            files.setdefault(synset, []).append(name)
    return dict(sorted(files.items()))


def is_image(name: str) -> bool:
    """Whether a file is taken for an image."""
    return name.lower().endswith(SUFFIXES)


def table_of_synsets(
    folder: Path, files: Mapping[str, Sequence[str]], labels: Sequence[int], classes: int, shards: Shards | None
) -> ImageTable:
    """The images of synset folders, in the order of ``files``.

    Args:
        folder: holds the synset folders.
        files: the images' names by synset.
        labels: the class index of each synset.
        classes: how many classes there are.
        shards: that hold the images, where there are any.

    Raises:
        InputError: a synset has no image.
    """
    for synset, names in files.items():
        if not names:
            raise InputError(f"{folder / synset} holds no image: complete the data set.")
    paths = Paths.of(f"{synset}/{name}" for synset, names in files.items() for name in names)
    label_of_each = np.repeat(np.array(labels, dtype=np.int64), [len(names) for names in files.values()])
    return ImageTable(folder, paths, label_of_each, classes, folder, shards)


def _counted(folder: Path, files: dict[str, list[str]], classes: int) -> dict[str, list[str]]:
    if len(files) != classes:
        raise InputError(f"{folder} holds {len(files)} synset folders, expected {classes}: complete the data set.")
    return files
