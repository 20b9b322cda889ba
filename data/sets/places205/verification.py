"""What ``verify`` looks at in Places205."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from data.declaration import DataLocation
from data.sets.places205 import reader
from data.sets.places205.spec import SPEC, Places205Set
from data.verification.inspection import DataSet, Split
from data.verification.lists import inspect_lists


def checks(section: Places205Set, location: DataLocation) -> Iterator[DataSet]:
    """Both lists."""
    root, classes = location.root / section.folder, section.classes
    yield DataSet(
        SPEC.key,
        (
            places205_split(root, "train", classes, location.counts["places205_train"]),
            places205_split(root, "val", classes, location.counts["places205_val"]),
        ),
    )


def places205_split(root: Path, split: Literal["train", "val"], classes: int, expected: int | None) -> Split:
    """One list of Places205."""
    listed = root / reader.LISTS / f"{split}_places205.csv"
    images = root / reader.IMAGES
    return Split(split, expected, lambda: inspect_lists(reader.STRUCTURE, root, [listed], images, listed, classes))
