"""WebVision in its published layout.

``info/train_filelist_google.txt`` and ``info/train_filelist_flickr.txt`` hold ``relative/path label`` lines,
``info/val_filelist.txt`` the same for the images under ``val_images_256/``. WebVision V1.0's label i is the i-th
ImageNet synset in sorted order.
"""

from pathlib import Path

import numpy as np

from core.errors import InputError
from data.images import ImageTable, require_folder

TRAIN_LISTS = ("info/train_filelist_google.txt", "info/train_filelist_flickr.txt")
VALIDATION_LIST = "info/val_filelist.txt"
VALIDATION_IMAGES = "val_images_256"


def read_train(root: Path, classes: int) -> ImageTable:
    """All training images: those found through Google first, then those from Flickr.

    Raises:
        InputError: a list is missing, a line is malformed, or a label lies outside ``[0, classes)``.
    """
    require_folder(root, "WebVision")
    parts = [_read_list(root / name, classes) for name in TRAIN_LISTS]
    paths, labels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return ImageTable(root, paths, labels, classes, root / "info")


def read_validation(root: Path, classes: int) -> ImageTable:
    """The validation images, whose labels are clean.

    Raises:
        InputError: as :func:`read_train`.
    """
    require_folder(root, "WebVision")
    paths, labels = _read_list(root / VALIDATION_LIST, classes)
    return ImageTable(root / VALIDATION_IMAGES, paths, labels, classes, root / VALIDATION_LIST)


def _read_list(path: Path, classes: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        raise InputError(
            f"The list {path} cannot be read: expected a WebVision folder with its lists under info/."
        ) from None
    fields = [line.rsplit(maxsplit=1) for line in lines]
    for number, (line, parts) in enumerate(zip(lines, fields, strict=True), start=1):
        if len(parts) != 2 or not parts[1].isdigit():
            raise InputError(
                f"{path}, line {number}: found {line.decode(errors='replace')!r}, expected 'relative/path label'."
            )
    if not fields:
        raise InputError(f"The list {path} is empty: expected one 'relative/path label' line for each image.")
    labels = np.array([int(label) for _, label in fields])
    outside = np.flatnonzero(labels >= classes)
    if outside.size:
        raise InputError(
            f"{path}, line {outside[0] + 1}: label {labels[outside[0]]} lies outside [0, {classes}): "
            "correct the list, or the number of classes in the profile."
        )
    return np.array([name for name, _ in fields]), labels
