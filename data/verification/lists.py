"""The inspection of lists of images: one that cannot be read does not hide what is wrong with the others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import InputError
from data.images import ImageTable
from data.lists import read_list, read_lists
from data.misplaced import FolderStructure, require_structure
from data.shards import open_shards
from data.verification.inspection import Inspection, class_faults

ANY_LABEL = int(np.iinfo(np.int64).max)


def inspect_lists(
    structure: FolderStructure, root: Path, lists: Sequence[Path], images: Path, source: Path, classes: int
) -> Inspection:
    """What is wrong with lists of ``relative/path label`` lines.

    Args:
        structure: the data set's.
        root: its folder.
        lists: to be looked at, one after the other.
        images: what their paths are relative to.
        source: what to name in sentences about all lists together.
        classes: how many there are.
    """
    inspection = Inspection()
    readable = []
    try:
        require_structure(root, structure)
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
