"""Data sets of some of ImageNet's classes (ImageNet-R, ImageNet-A): ``<synset>/*.jpg``, without splits."""

from pathlib import Path

import numpy as np

from core.errors import InputError
from data.imagenet import files_of_synsets, read_synsets, table_of_synsets
from data.images import ImageTable, require_folder
from data.shards import open_shards


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
    shards = open_shards(root)
    files = files_of_synsets(root, shards)
    for synset in files:
        if synset not in index_of:
            raise InputError(
                f"{root / synset} is named after none of the {imagenet_classes} synsets in {imagenet / 'val'}: "
                "remove the folder, or name the right ImageNet."
            )
    if len(files) != classes and (classes is not None or not files):
        expected = "at least 1" if classes is None else classes
        raise InputError(f"{root} holds {len(files)} synset folders, expected {expected}: complete the data set.")
    labels = [index_of[synset] for synset in files]
    return table_of_synsets(root, files, labels, imagenet_classes, shards), np.array(labels)
