"""Data sets of some of ImageNet's classes (ImageNet-R, ImageNet-A): ``<synset>/*.jpg``, without splits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import InputError
from data.images import ImageTable
from data.misplaced import SYNSET, FolderStructure, require_structure
from data.paths import shown
from data.sets.imagenet import synsets
from data.sets.imagenet.reader import KnownClasses, files_of_synsets, folder_faults, read_synsets, table_of_synsets
from data.sets.imagenet_variants.spec import Published
from data.shards import open_shards

STRUCTURE = FolderStructure(
    "ImageNet-R or ImageNet-A", "data.imagenet_r.folder or data.imagenet_a.folder", (SYNSET, "shards/*.tar")
)
STRUCTURES: dict[Published, FolderStructure] = {
    "imagenet-r": FolderStructure("ImageNet-R", "data.imagenet_r.folder", STRUCTURE.marks),
    "imagenet-a": FolderStructure("ImageNet-A", "data.imagenet_a.folder", STRUCTURE.marks),
}


def read_published(root: Path, name: Published) -> tuple[ImageTable, np.ndarray]:
    """ImageNet-R or ImageNet-A: the images, labelled with ImageNet's class indices, and the sorted indices of its 200.

    Raises:
        InputError: the folder is missing or another, its synset folders are not exactly the published ones, or one of
            them has no image.
    """
    require_structure(root, STRUCTURES[name])
    known = KnownClasses(synsets.variant(name), STRUCTURES[name].name)
    return _read(root, len(known.names), known, synsets.imagenet())


def read_variant(
    root: Path, classes: int | None, imagenet: Path, imagenet_classes: int
) -> tuple[ImageTable, np.ndarray]:
    """The same for any data set of some of the classes of a folder like ImageNet's.

    Args:
        root: holds the synset folders.
        classes: how many there must be; None where any number will do.
        imagenet: the folder like ImageNet's, which says what class a synset is.
        imagenet_classes: how many it must have.

    Raises:
        InputError: a folder is missing, a synset folder is none of ImageNet's or has no image, or there is another
            number of them than ``classes``.
    """
    require_structure(root, STRUCTURE)
    names = read_synsets(imagenet, "val", imagenet_classes)
    return _read(root, classes, KnownClasses(names, shown(imagenet / "val")), names)


def _read(root: Path, count: int | None, known: KnownClasses, imagenet: Sequence[str]) -> tuple[ImageTable, np.ndarray]:
    shards = open_shards(root)
    files = files_of_synsets(root, shards)
    for fault in folder_faults(root, files, count, known):
        raise InputError(fault)
    index_of = {synset: index for index, synset in enumerate(imagenet)}
    labels = [index_of[synset] for synset in files]
    return table_of_synsets(root, files, labels, len(imagenet), shards), np.sort(labels)
