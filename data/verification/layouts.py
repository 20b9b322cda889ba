"""The inspections of each published layout: what a reader would refuse at once is gone through to the end here."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import InputError
from data import places, webvision
from data.imagenet import files_of_synsets, table_of_synsets
from data.images import ImageTable, require_folder
from data.lists import read_list, read_lists
from data.shards import open_shards
from data.verification.inspection import Inspection, Split, class_faults, some
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
        inspection = _of_lists("WebVision", root, lists, root, root / "info", classes)
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
            lambda: _of_lists("WebVision", root, [validation], images, validation, classes),
        ),
    )


def places205_split(root: Path, split: Literal["train", "val"], classes: int, expected: int | None) -> Split:
    """One list of Places205."""
    listed = root / places.LISTS / f"{split}_places205.csv"
    images = root / places.IMAGES
    return Split(split, expected, lambda: _of_lists("Places205", root, [listed], images, listed, classes))


def synsets_split(
    name: str, folder: Path, classes: int | None, expected: int | None, known_in: Path | None = None
) -> Split:
    """Images in folders that are named after their synsets (ImageNet and its variants).

    Args:
        name: of the split.
        folder: holds the synset folders.
        classes: how many there must be; None for any number.
        expected: how many images there must be.
        known_in: a folder whose synset folders have all the names that are allowed, the i-th that of class i; None
            where any name is.
    """

    def inspect() -> Inspection:
        inspection = Inspection()
        try:
            require_folder(folder, "ImageNet")
            shards = open_shards(folder)
            known = [] if known_in is None else _synset_names(known_in)
        except InputError as error:
            inspection.faults.append(error.sentence)
            return inspection
        files = files_of_synsets(folder, shards)
        if not files or (classes is not None and len(files) != classes):
            wanted = "at least 1" if classes is None else classes
            inspection.faults.append(
                f"{folder} holds {len(files)} synset folders, expected {wanted}: complete the data set."
            )
        index_of = {synset: index for index, synset in enumerate(known or files)}
        strangers = [synset for synset in files if synset not in index_of]
        if strangers:
            inspection.faults.append(
                f"{folder} holds {len(strangers)} folders that are named after no synset in {known_in} "
                f"({some(strangers)}): remove them, or name the right ImageNet."
            )
        empty = [synset for synset, names in files.items() if not names]
        if empty:
            inspection.faults.append(
                f"{folder} holds {len(empty)} synset folders without an image ({some(empty)}): complete the data set."
            )
        full = {synset: names for synset, names in files.items() if names}
        if full:
            labels = [index_of.get(synset, len(index_of)) for synset in full]
            inspection.images = table_of_synsets(folder, full, labels, len(index_of), shards)
            inspection.count = len(inspection.images)
        return inspection

    return Split(name, expected, inspect)


def voc_split(root: Path, split: Literal["trainval", "test"], classes: int, expected: int | None) -> Split:
    """The class lists of one image set of VOC2007."""

    def inspect() -> Inspection:
        try:
            images = read_classification(root, split, classes)
        except InputError as error:
            return Inspection(faults=[error.sentence])
        return Inspection(len(images), images, class_faults(images))

    return Split(split, expected, inspect)


def _of_lists(data_set: str, root: Path, lists: Sequence[Path], images: Path, source: Path, classes: int) -> Inspection:
    """Lists of ``relative/path label`` lines; one that cannot be read does not hide what is wrong with the others."""
    inspection = Inspection()
    readable = []
    try:
        require_folder(root, data_set)
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


def _synset_names(folder: Path) -> list[str]:
    """Sorted; of a folder of files, without a look into the synsets' folders."""
    require_folder(folder, "ImageNet")
    shards = open_shards(folder)
    if shards is None:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    return list(files_of_synsets(folder, shards))
