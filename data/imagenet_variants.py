"""Data sets of some of ImageNet's classes (ImageNet-R, ImageNet-A): ``<synset>/*.jpg``, without splits."""

import os
from pathlib import Path

import numpy as np

from core.errors import InputError
from data.imagenet import read_synsets, table_of_synsets
from data.images import ImageTable, require_folder


def read_variant(
    root: Path, classes: int | None, imagenet: Path, imagenet_classes: int
) -> tuple[ImageTable, np.ndarray]:
    """The images, labelled with ImageNet's class indices, and the sorted indices of the classes that are present.

    Args:
        root: holds the synset folders.
        classes: how many there must be (200 in ImageNet-R and ImageNet-A); None where any number will do.
        imagenet: ImageNet's folder, whose ``val`` names all synsets: class i is the i-th of them, sorted.
        imagenet_classes: how many ImageNet must have.

    Raises:
        InputError: a folder is missing, a synset folder is none of ImageNet's or has no image, or there is another
            number of them than ``classes``.
    """
    require_folder(root, "ImageNet-R or ImageNet-A")
    index_of = {synset: index for index, synset in enumerate(read_synsets(imagenet, "val", imagenet_classes))}
    synsets = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    for synset in synsets:
        if synset not in index_of:
            raise InputError(
                f"{root / synset} is named after none of the {imagenet_classes} synsets in {imagenet / 'val'}: "
                "remove the folder, or name the right ImageNet."
            )
    if len(synsets) != classes and (classes is not None or not synsets):
        expected = "at least 1" if classes is None else classes
        raise InputError(f"{root} holds {len(synsets)} synset folders, expected {expected}: complete the data set.")
    labels = {synset: index_of[synset] for synset in synsets}
    return table_of_synsets(root, labels, imagenet_classes), np.array(list(labels.values()))
