"""ImageNet as folders: ``train/<synset>/*.JPEG`` and ``val/<synset>/*.JPEG``; class i is the i-th synset, sorted.

Any data set of classes can be laid out like it. Where ``classes.txt`` lies beside ``train`` and ``val``, its lines name
the classes' folders, in the order of the classes; what follows a name on its line is for people. Where there is no such
list, 1,000 folders must be ImageNet's own, by name; another number can have any names, such as the miniature's. The
same names may lie in shards instead, ``train/shards/*.tar`` and ``val/shards/*.tar`` (see data/shards.py). What is
ignored in a folder is said in data/listing.py.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from core.errors import InputError
from data.config import ClassPart
from data.images import ImageTable
from data.listing import listing, refuse_unread
from data.misplaced import SYNSET
from data.paths import Paths, shown
from data.sets.imagenet import synsets
from data.sets.imagenet.archives import SplitName, require_split
from data.shards import FOLDER, Shards, open_shards
from data.subsets import select_classes

SHOWN = 5  # names in a sentence
CLASS_LIST = "classes.txt"


def read_split(root: Path, split: SplitName, classes: int, part: ClassPart | None = None) -> ImageTable:
    """The images of one split, sorted by class and name.

    Args:
        root: the data set's folder.
        split: which.
        classes: how many are read.
        part: which of those on disk they are; None for all.

    Raises:
        InputError: the folder is missing or holds what was downloaded as it was packed, its synsets are others than
            expected, or a synset has no image.
    """
    on_disk = part.of if part else classes
    folder = require_split(root, split)
    shards = open_shards(folder)
    files = _checked(folder, files_of_synsets(folder, shards), on_disk, known_classes(root, on_disk))
    images = table_of_synsets(folder, files, range(on_disk), on_disk, shards)
    return select_classes(images, part.kept(classes)) if part else images


def read_synsets(root: Path, split: SplitName, classes: int) -> list[str]:
    """The names of the split's synset folders; class i is the i-th.

    Raises:
        InputError: the folder is missing, or its synsets are others than expected.
    """
    folder = require_split(root, split)
    known = known_classes(root, classes)
    return list(_checked(folder, files_of_synsets(folder, open_shards(folder)), classes, known))


@dataclass(frozen=True)
class KnownClasses:
    """The names that class folders must have: class i is the i-th; ``where`` says in sentences what has these names."""

    names: Sequence[str]
    where: str


def known_classes(root: Path, classes: int | None) -> KnownClasses | None:
    """The classes that a list beside the splits names, or else ImageNet's where there must be 1,000; None for any.

    Raises:
        InputError: the list cannot be read, names a class twice, or has another number of them.
    """
    path = root / CLASS_LIST
    try:
        lines = path.read_text(errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return KnownClasses(synsets.imagenet(), "ImageNet") if classes == len(synsets.imagenet()) else None
    except OSError as error:
        raise InputError(
            f"The list {shown(path)} cannot be read ({error.strerror}): make it a readable file."
        ) from None
    names: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.partition(" ")[0]
        if not name or "/" in name:
            raise InputError(
                f"{shown(path)}, line {number}: found '{shown(line)}', expected the name of a class's folder: correct "
                "it."
            )
        if names.setdefault(name, number) != number:
            raise InputError(f"{shown(path)}, line {number}: {shown(name)} is on line {names[name]} already: drop one.")
    if classes is not None and len(names) != classes:
        raise InputError(
            f"{shown(path)} names {len(names)} classes, expected {classes}: correct the list, or the number of classes "
            "in the profile."
        )
    return KnownClasses(list(names), shown(path))


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


def folder_faults(folder: Path, found: Collection[str], count: int | None, known: KnownClasses | None) -> list[str]:
    """What is wrong with the names and the number of synset folders, in sentences.

    Args:
        folder: holds them.
        found: their names.
        count: how many there must be; None for any number but 0.
        known: the names that are allowed; None for any.
    """
    faults = []
    strangers = [] if known is None else sorted(set(found).difference(known.names))
    if known is not None and strangers:
        faults.append(
            f"{shown(folder)} holds {len(strangers)} folders that are named after no synset of {known.where} "
            f"({named(strangers)}): remove them, or name the right data set."
        )
    if known is not None and count == len(known.names):
        missing = sorted(set(known.names).difference(found))
        if missing:
            faults.append(
                f"{shown(folder)} lacks {len(missing)} of the {count:,} synsets of {known.where} ({named(missing)}): "
                "complete the data set."
            )
    elif len(found) != count and not (count is None and found):
        expected = "at least 1" if count is None else count
        others = [name for name in sorted(found) if not fnmatch(name, SYNSET)]
        hint = f" ({named(others)}: named like no synset)" if 0 < len(others) < len(found) else ""
        faults.append(
            f"{shown(folder)} holds {len(found)} synset folders{hint}, expected {expected}: complete the data set, or "
            "remove what does not belong there."
        )
    return faults


def _checked(
    folder: Path, files: dict[str, list[str]], classes: int, known: KnownClasses | None
) -> dict[str, list[str]]:
    """The images of every class, in the order of the classes."""
    for fault in folder_faults(folder, files, classes, known):
        raise InputError(fault)
    return files if known is None else {name: files[name] for name in known.names}


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
