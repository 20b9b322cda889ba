"""Places205 in its published folder structure.

``trainvalsplit_places205/train_places205.csv`` and ``val_places205.csv`` hold ``relative/path label`` lines for the
images under ``data/vision/torralba/deeplearning/images256/``.
"""

from pathlib import Path
from typing import Literal

from data.images import ImageTable
from data.lists import read_list
from data.misplaced import FolderStructure, require_structure
from data.shards import open_shards

LISTS = "trainvalsplit_places205"
IMAGES = "data/vision/torralba/deeplearning/images256"
STRUCTURE = FolderStructure(
    "Places205",
    "data.places205.folder",
    (f"{LISTS}/train_places205.csv", f"{LISTS}/val_places205.csv"),
    others={"Places365": ("*places365*", "*/*places365*")},
)


def read_split(root: Path, split: Literal["train", "val"], classes: int) -> ImageTable:
    """The images of one split, in the order of its list; reads the list alone, no image.

    Raises:
        InputError: the folder or the list is missing, a line is malformed, or a label lies outside ``[0, classes)``.
    """
    require_structure(root, STRUCTURE)
    source = root / LISTS / f"{split}_places205.csv"
    paths, labels = read_list(source, classes)
    return ImageTable(root / IMAGES, paths, labels, classes, source, open_shards(root / IMAGES))
