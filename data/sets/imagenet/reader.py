"""ImageNet as folders: ``train/<synset>/*.JPEG`` and ``val/<synset>/*.JPEG``; class i is the i-th synset, sorted.

Where 1,000 classes are asked for, the folders must be ImageNet's own, by name; another number is any set of folders of
images, such as the miniature's. The same names may lie in shards instead, ``train/shards/*.tar`` and
``val/shards/*.tar`` (see data/shards.py). What is ignored in a folder is said in data/strangers.py.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from core.errors import InputError
from data.images import ImageTable
from data.misplaced import SYNSET
from data.paths import Paths, shown
from data.sets.imagenet import synsets
from data.sets.imagenet.archives import SplitName, require_split
from data.shards import FOLDER, Shards, open_shards
from data.strangers import listing, refuse_unread

SHOWN = 5  # names in a sentence


def read_split(root: Path, split: SplitName, classes: int) -> ImageTable:
    """The images of one split, sorted by synset and name.

    Raises:
        InputError: the folder is missing or holds what was downloaded as it was packed, its synsets are others than
            expected, or a synset has no image.
    """
    folder = require_split(root, split)
    shards = open_shards(folder)
    files = _checked(folder, files_of_synsets(folder, shards), classes)
    return table_of_synsets(folder, files, range(classes), classes, shards)


def read_synsets(root: Path, split: SplitName, classes: int) -> list[str]:
    """The names of the split's synset folders; class i is the i-th.

    Raises:
        InputError: the folder is missing, or its synsets are others than expected.
    """
    folder = require_split(root, split)
    return list(_checked(folder, files_of_synsets(folder, open_shards(folder)), classes))


def files_of_synsets(folder: Path, shards: Shards | None) -> dict[str, list[str]]:
    """The names of the images of every synset folder, both sorted; a folder can be empty.

    Raises:
        InputError: a folder cannot be listed, or an image lies in no synset folder, or below one, where none is read.
    """
    files: dict[str, list[str]] = {}
    if shards is None:
        top = listing(folder)
        _refuse_misplaced(folder, top.images)
        for synset in top.folders:
            files[synset], deeper, unread = listing(folder / synset)
            refuse_unread(folder / synset, unread)
            for inner in (folder / synset / name for name in deeper):
                if inner.is_dir():
                    _refuse_misplaced(inner, listing(inner).images)
        return files
    for synset in listing(folder).folders:
        if synset != FOLDER and listing(folder / synset).images:
            raise InputError(
                f"{shown(folder)} holds shards, and images in {shown(synset)} beside them: images are read from shards "
                "or from folders, so take one of the two away."
            )
    for path in shards.paths:
        synset, *names = os.fsdecode(path).split("/")
        if len(names) != 1:
            _refuse_misplaced(folder / FOLDER, [os.fsdecode(path)])
        files.setdefault(synset, []).extend(names)
    return dict(sorted(files.items()))


def _refuse_misplaced(folder: Path, images: Sequence[str]) -> None:
    if images:
        raise InputError(
            f"{shown(folder)} holds images where none is read ({named(images)}), expected <synset>/<image>: move them, "
            "or remove them."
        )


def known_synsets(classes: int | None) -> Sequence[str] | None:
    """The synsets that so many classes must be; None where any names will do."""
    return synsets.imagenet() if classes == len(synsets.imagenet()) else None


def folder_faults(
    folder: Path, found: Collection[str], count: int | None, known: Sequence[str] | None, where: str
) -> list[str]:
    """What is wrong with the names and the number of synset folders, in sentences.

    Args:
        folder: holds them.
        found: their names.
        count: how many there must be; None for any number but 0.
        known: the names that are allowed; None for any.
        where: what has these names, for sentences.
    """
    faults = []
    strangers = [] if known is None else sorted(set(found).difference(known))
    if strangers:
        faults.append(
            f"{shown(folder)} holds {len(strangers)} folders that are named after no synset of {where} "
            f"({named(strangers)}): remove them, or name the right data set."
        )
    if known is not None and count == len(known):
        missing = sorted(set(known).difference(found))
        if missing:
            faults.append(
                f"{shown(folder)} lacks {len(missing)} of the {count:,} synsets of {where} ({named(missing)}): "
                "complete the data set."
            )
    elif len(found) != count and not (count is None and found):
        expected = "at least 1" if count is None else count
        others = [name for name in sorted(found) if not fnmatch(name, SYNSET)]
        hint = f" ({named(others)}: named like no synset)" if others else ""
        faults.append(
            f"{shown(folder)} holds {len(found)} synset folders{hint}, expected {expected}: complete the data set, or "
            "remove what does not belong there."
        )
    return faults


def _checked(folder: Path, files: dict[str, list[str]], classes: int) -> dict[str, list[str]]:
    for fault in folder_faults(folder, files, classes, known_synsets(classes), "ImageNet"):
        raise InputError(fault)
    return files


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
            raise InputError(f"{shown(folder / synset)} holds no image: complete the data set.")
    paths = Paths.of(f"{synset}/{name}" for synset, names in files.items() for name in names)
    label_of_each = np.repeat(np.array(labels, dtype=np.int64), [len(names) for names in files.values()])
    return ImageTable(folder, paths, label_of_each, classes, folder, shards)


def named(names: Sequence[str]) -> str:
    """The first few names, and that there are more."""
    return ", ".join(shown(name) for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
