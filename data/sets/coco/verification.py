"""What ``verify`` looks at in COCO: what detection would refuse, and categories of which a split shows nothing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.errors import InputError
from data.declaration import DataLocation
from data.images import ImageTable
from data.paths import Paths
from data.sets.coco.instances import Instances, read_instances
from data.sets.coco.reader import ANNOTATIONS, IMAGES, split_faults, table_of
from data.sets.coco.rules import is_id
from data.sets.coco.spec import SPEC, COCOSet
from data.verification.inspection import DataSet, Inspection, Split, class_faults


def checks(section: COCOSet, location: DataLocation) -> Iterator[DataSet]:
    """Both splits."""
    root, classes = location.root / section.folder, section.classes
    yield DataSet(
        SPEC.key,
        (
            coco_split(root, "train", classes, location.counts["coco_train"]),
            coco_split(root, "val", classes, location.counts["coco_val"]),
        ),
    )


def coco_split(root: Path, name: str, classes: int, expected: int | None) -> Split:
    """One split of COCO; of its images only the headers are read.

    Args:
        root: the data set's folder.
        name: ``train`` or ``val``.
        classes: how many categories there must be, each with an annotated object.
        expected: how many images the annotation file must name.
    """
    folder = root / IMAGES[name]

    def inspect() -> Inspection:
        try:
            instances = read_instances(root / ANNOTATIONS[name])
        except InputError as error:
            return Inspection(faults=[error.sentence])
        faults = split_faults(instances, folder, classes, for_training=name == "train")
        faults += class_faults(_all_in_one(instances, folder))
        return Inspection(len(instances.images), table_of(instances, folder), faults)

    return Split(name, expected, inspect)


def _all_in_one(instances: Instances, folder: Path) -> ImageTable:
    """A table without images whose one row of labels shows every category that has an annotation."""
    ids = sorted({category["id"] for category in instances.categories if is_id(category.get("id"))})
    annotated = {note["category_id"] for note in instances.annotations if is_id(note.get("category_id"))}
    shown = np.array([[category in annotated for category in ids]], dtype=np.int64)
    return ImageTable(folder, Paths.of([]), shown, len(ids), instances.path)
