"""WebVision in its published layout.

``info/train_filelist_google.txt`` and ``info/train_filelist_flickr.txt`` hold ``relative/path label`` lines,
``info/val_filelist.txt`` the same for the images under ``val_images_256/``. WebVision V1.0's label i is the i-th
ImageNet synset in sorted order. The images may lie in shards (see data/shards.py).
"""

from pathlib import Path

from data.images import ImageTable
from data.lists import read_list, read_lists
from data.misplaced import Layout, require_layout
from data.shards import open_shards

TRAIN_LISTS = ("info/train_filelist_google.txt", "info/train_filelist_flickr.txt")
VALIDATION_LIST = "info/val_filelist.txt"
VALIDATION_IMAGES = "val_images_256"
LAYOUT = Layout("WebVision", "data.webvision.<set>.folder", (*TRAIN_LISTS, VALIDATION_LIST))
REMEDY = "fetch it again, or leave it out: data.webvision.<set>.exclusions in the profile names a list of such images"


def read_train(root: Path, classes: int) -> ImageTable:
    """All training images: those found through Google first, then those from Flickr.

    Raises:
        InputError: a list is missing, a line is malformed, or a label lies outside ``[0, classes)``.
    """
    require_layout(root, LAYOUT)
    paths, labels = read_lists([root / name for name in TRAIN_LISTS], classes)
    return ImageTable(root, paths, labels, classes, root / "info", open_shards(root), REMEDY)


def read_listed(root: Path, listed: Path, classes: int) -> ImageTable:
    """The training images that another list names, with the labels that it gives them.

    Raises:
        InputError: as :func:`read_train`.
    """
    require_layout(root, LAYOUT)
    paths, labels = read_list(listed, classes)
    return ImageTable(root, paths, labels, classes, listed, open_shards(root), REMEDY)


def read_validation(root: Path, classes: int) -> ImageTable:
    """The validation images, whose labels are clean.

    Raises:
        InputError: as :func:`read_train`.
    """
    require_layout(root, LAYOUT)
    paths, labels = read_list(root / VALIDATION_LIST, classes)
    images = root / VALIDATION_IMAGES
    return ImageTable(images, paths, labels, classes, root / VALIDATION_LIST, open_shards(images))
