"""What ``verify`` looks at in VOC07."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from core.errors import InputError
from data.declaration import DataLocation
from data.sets.voc07.reader import read_classification
from data.sets.voc07.spec import CLASSES, SPEC
from data.verification.inspection import DataSet, Inspection, Split, class_faults


def checks(folder: str, location: DataLocation) -> Iterator[DataSet]:
    """The class lists of both image sets."""
    root = location.root / folder
    yield DataSet(
        SPEC.key,
        (
            voc_split(root, "trainval", CLASSES, location.counts["voc07_trainval"]),
            voc_split(root, "test", CLASSES, location.counts["voc07_test"]),
        ),
    )


def voc_split(root: Path, split: Literal["trainval", "test"], classes: int, expected: int | None) -> Split:
    """The class lists of one image set of VOC2007."""

    def inspect() -> Inspection:
        try:
            images = read_classification(root, split, classes)
        except InputError as error:
            return Inspection(faults=[error.sentence])
        return Inspection(len(images), images, class_faults(images))

    return Split(split, expected, inspect)
