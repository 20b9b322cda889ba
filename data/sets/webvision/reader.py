"""WebVision in its published folder structure.

``info/train_filelist_google.txt`` and ``info/train_filelist_flickr.txt`` hold ``relative/path label`` lines of what was
found through Google and Flickr (another crawl has lists of its own sources), ``info/val_filelist.txt`` the same for the
images under ``val_images_256/``. WebVision V1.0's label i is the i-th ImageNet synset in sorted order. The images may
lie in shards (see data/shards.py).
"""

from collections.abc import Sequence
from pathlib import Path

from data.config import ClassPart
from data.images import ImageTable
from data.lists import read_list, read_lists
from data.misplaced import FolderStructure, require_structure
from data.sets.webvision.spec import SOURCES
from data.shards import open_shards
from data.subsets import select_classes


def list_of(source: str) -> str:
    """The list of the training images from one source."""
    return f"info/train_filelist_{source}.txt"


TRAIN_LISTS = tuple(map(list_of, SOURCES))
VALIDATION_LIST = "info/val_filelist.txt"
VALIDATION_IMAGES = "val_images_256"
STRUCTURE = FolderStructure("WebVision", "data.webvision.<set>.folder", (list_of("*"), VALIDATION_LIST))
REMEDY = (
    "fetch it again, or leave it out: data.webvision.<set>.exclusions in the profile names a list of such images; "
    "verified stands for all that run_all.py verify --full finds"
)


def read_train(root: Path, classes: int, part: ClassPart | None = None, sources: Sequence[str] = SOURCES) -> ImageTable:
    """The training images, source by source.

    Args:
        root: the data set's folder.
        classes: how many are read.
        part: which of those on disk they are; None for all.
        sources: whose lists are read.

    Raises:
        InputError: a list is missing, a line is malformed, or a label lies outside ``[0, classes)``.
    """
    require_structure(root, STRUCTURE)
    on_disk = part.of if part else classes
    paths, labels = read_lists([root / list_of(source) for source in sources], on_disk)
    images = ImageTable(root, paths, labels, on_disk, root / "info", open_shards(root), REMEDY)
    return select_classes(images, part.kept(classes)) if part else images


def read_listed(root: Path, listed: Path, classes: int) -> ImageTable:
    """The training images that another list names, with the labels that it gives them.

    Raises:
        InputError: as :func:`read_train`.
    """
    require_structure(root, STRUCTURE)
    paths, labels = read_list(listed, classes)
    return ImageTable(root, paths, labels, classes, listed, open_shards(root), REMEDY)


def read_validation(root: Path, classes: int, part: ClassPart | None = None) -> ImageTable:
    """The validation images, whose labels are clean; the arguments are as for :func:`read_train`.

    Raises:
        InputError: as :func:`read_train`.
    """
    require_structure(root, STRUCTURE)
    on_disk, folder = part.of if part else classes, root / VALIDATION_IMAGES
    paths, labels = read_list(root / VALIDATION_LIST, on_disk)
    images = ImageTable(folder, paths, labels, on_disk, root / VALIDATION_LIST, open_shards(folder))
    return select_classes(images, part.kept(classes)) if part else images
