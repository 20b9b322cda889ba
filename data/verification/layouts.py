"""The inspections of each published layout: what a reader would refuse at once is gone through to the end here."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import InputError
from data import places, synsets, webvision
from data.imagenet import files_of_synsets, folder_faults, known_synsets, named, table_of_synsets
from data.imagenet_archives import SplitName, require_split
from data.imagenet_variants import LAYOUT, LAYOUTS
from data.images import ImageTable
from data.lists import read_list, read_lists
from data.misplaced import Layout, require_layout
from data.paths import shown
from data.shards import open_shards
from data.strangers import listing
from data.synsets import Published
from data.verification.inspection import Inspection, Split, class_faults
from data.voc import read_classification

ANY_LABEL = int(np.iinfo(np.int64).max)

Part = Callable[[ImageTable], ImageTable]


def webvision_splits(
    root: Path, classes: int, train_lines: int | None, validation_lines: int | None, part: Part
) -> tuple[Split, ...]:
    """WebVision's training lists and its validation list.

    Args:
        root: the data set's folder.
        classes: how many it must have.
        train_lines, validation_lines: how many images the lists must name.
        part: from all training images to those that are trained on.
    """
    lists = [root / name for name in webvision.TRAIN_LISTS]
    validation = root / webvision.VALIDATION_LIST
    images = root / webvision.VALIDATION_IMAGES

    def inspect_train() -> Inspection:
        inspection = _of_lists(webvision.LAYOUT, root, lists, root, root / "info", classes)
        if inspection.images is not None:
            try:
                inspection.images = part(replace(inspection.images, remedy=webvision.REMEDY))
            except InputError as error:
                inspection.faults.append(error.sentence)
        return inspection

    return (
        Split("train", train_lines, inspect_train),
        Split(
            "validation",
            validation_lines,
            lambda: _of_lists(webvision.LAYOUT, root, [validation], images, validation, classes),
        ),
    )


def places205_split(root: Path, split: Literal["train", "val"], classes: int, expected: int | None) -> Split:
    """One list of Places205."""
    listed = root / places.LISTS / f"{split}_places205.csv"
    images = root / places.IMAGES
    return Split(split, expected, lambda: _of_lists(places.LAYOUT, root, [listed], images, listed, classes))


def imagenet_split(
    root: Path, split: SplitName, classes: int | None, expected: int | None, known_in: SplitName | None = None
) -> Split:
    """One split of ImageNet.

    Args:
        root: the data set's folder.
        split: which.
        classes: how many there must be; None for any number.
        expected: how many images there must be.
        known_in: another split, whose synset folders have all the names that are allowed, where the published ones need
            not be meant.
    """

    def inspect() -> Inspection:
        try:
            folder, known, where = require_split(root, split), known_synsets(classes), "ImageNet"
            if known is None and known_in is not None:
                known, where = _names_in(require_split(root, known_in)), shown(root / known_in)
        except InputError as error:
            return Inspection(faults=[error.sentence])
        return _of_synsets(folder, classes, known, where, known)

    return Split(split, expected, inspect)


def variant_split(root: Path, classes: int | Published | None, imagenet: Path, expected: int | None) -> Split:
    """ImageNet-R, ImageNet-A, or another data set of some of the classes of a folder like ImageNet's.

    Args:
        root: the data set's folder.
        classes: how many there must be, None for any number; or which of the published sets it is.
        imagenet: the folder like ImageNet's, of no account for a published set.
        expected: how many images there must be.
    """

    def inspect() -> Inspection:
        try:
            if isinstance(classes, str):
                require_layout(root, LAYOUTS[classes])
                known = synsets.variant(classes)
                return _of_synsets(root, len(known), known, LAYOUTS[classes].name, synsets.imagenet())
            require_layout(root, LAYOUT)
            names = _names_in(require_split(imagenet, "val"))
        except InputError as error:
            return Inspection(faults=[error.sentence])
        return _of_synsets(root, classes, names, shown(imagenet / "val"), names)

    return Split("all", expected, inspect)


def _of_synsets(
    folder: Path, count: int | None, known: Sequence[str] | None, where: str, classes: Sequence[str] | None
) -> Inspection:
    """Images in synset folders, of which ``known`` are allowed; label i is that of the i-th of ``classes``."""
    inspection = Inspection()
    try:
        shards = open_shards(folder)
        files = files_of_synsets(folder, shards)
    except InputError as error:
        inspection.faults.append(error.sentence)
        return inspection
    inspection.faults += folder_faults(folder, files, count, known, where)
    empty = [synset for synset, names in files.items() if not names]
    if empty:
        inspection.faults.append(
            f"{shown(folder)} holds {len(empty)} synset folders without an image ({named(empty)}): complete the data "
            "set."
        )
    full = {synset: names for synset, names in files.items() if names}
    if full:
        index_of = {synset: index for index, synset in enumerate(classes or files)}
        labels = [index_of.get(synset, len(index_of)) for synset in full]
        inspection.images = table_of_synsets(folder, full, labels, len(index_of), shards)
        inspection.count = len(inspection.images)
    return inspection


def voc_split(root: Path, split: Literal["trainval", "test"], classes: int, expected: int | None) -> Split:
    """The class lists of one image set of VOC2007."""

    def inspect() -> Inspection:
        try:
            images = read_classification(root, split, classes)
        except InputError as error:
            return Inspection(faults=[error.sentence])
        return Inspection(len(images), images, class_faults(images))

    return Split(split, expected, inspect)


def _of_lists(
    layout: Layout, root: Path, lists: Sequence[Path], images: Path, source: Path, classes: int
) -> Inspection:
    """Lists of ``relative/path label`` lines; one that cannot be read does not hide what is wrong with the others."""
    inspection = Inspection()
    readable = []
    try:
        require_layout(root, layout)
        shards = open_shards(images)
    except InputError as error:
        inspection.faults.append(error.sentence)
        return inspection
    for listed in lists:
        try:
            read_list(listed, ANY_LABEL)
            readable.append(listed)
        except InputError as error:
            inspection.faults.append(error.sentence)
    if readable:
        paths, labels = read_lists(readable, ANY_LABEL)
        inspection.images = ImageTable(images, paths, labels, classes, source, shards)
        inspection.count = len(paths)
        inspection.faults += class_faults(inspection.images)
    return inspection


def _names_in(folder: Path) -> list[str]:
    """The names of the synset folders, sorted; of a folder of files, without a look into the synsets' folders."""
    shards = open_shards(folder)
    return listing(folder).folders if shards is None else list(files_of_synsets(folder, shards))
