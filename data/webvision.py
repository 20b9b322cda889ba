"""WebVision in its published layout.

``info/train_filelist_google.txt`` and ``info/train_filelist_flickr.txt`` hold ``relative/path label`` lines,
``info/val_filelist.txt`` the same for the images under ``val_images_256/``. WebVision V1.0's label i is the i-th
ImageNet synset in sorted order.
"""

from pathlib import Path

import numpy as np

from data.images import ImageTable, require_folder
from data.lists import read_list

TRAIN_LISTS = ("info/train_filelist_google.txt", "info/train_filelist_flickr.txt")
VALIDATION_LIST = "info/val_filelist.txt"
VALIDATION_IMAGES = "val_images_256"


def read_train(root: Path, classes: int) -> ImageTable:
    """All training images: those found through Google first, then those from Flickr.

    Raises:
        InputError: a list is missing, a line is malformed, or a label lies outside ``[0, classes)``.
    """
    require_folder(root, "WebVision")
    parts = [read_list(root / name, classes) for name in TRAIN_LISTS]
    paths, labels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return ImageTable(root, paths, labels, classes, root / "info")


def read_validation(root: Path, classes: int) -> ImageTable:
    """The validation images, whose labels are clean.

    Raises:
        InputError: as :func:`read_train`.
    """
    require_folder(root, "WebVision")
    paths, labels = read_list(root / VALIDATION_LIST, classes)
    return ImageTable(root / VALIDATION_IMAGES, paths, labels, classes, root / VALIDATION_LIST)
