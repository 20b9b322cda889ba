"""What ``verify`` looks at in ImageNet-R, ImageNet-A, and other data sets of some of ImageNet's classes."""

from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError
from data.declaration import DataLocation
from data.misplaced import require_structure
from data.sets.imagenet import synsets
from data.sets.imagenet.archives import require_split
from data.sets.imagenet.reader import KnownClasses, known_classes
from data.sets.imagenet.verification import inspect_synsets, names_in
from data.sets.imagenet_variants.reader import STRUCTURE, STRUCTURES
from data.sets.imagenet_variants.spec import IMAGENET_A, IMAGENET_R, ImageNetVariant, Published, is_published
from data.verification.inspection import DataSet, Inspection, Split


def checks_r(section: ImageNetVariant, location: DataLocation) -> Iterator[DataSet]:
    """ImageNet-R."""
    yield DataSet(
        IMAGENET_R.key, (_split(section, "imagenet-r", location.root, location, location.counts["imagenet_r"]),)
    )


def checks_a(section: ImageNetVariant, location: DataLocation) -> Iterator[DataSet]:
    """ImageNet-A, once it is chosen where the profile has it chosen."""
    if location.chosen is not None:
        yield DataSet(
            IMAGENET_A.key, (_split(section, "imagenet-a", location.chosen, location, location.counts["imagenet_a"]),)
        )


def _split(
    section: ImageNetVariant, name: Published, place: Path, location: DataLocation, expected: int | None
) -> Split:
    published = is_published(section.classes, location.imagenet_classes)
    imagenet = location.root / (location.sections["imagenet"] or "")
    return variant_split(place / section.folder, name if published else section.classes, imagenet, expected)


def variant_split(root: Path, classes: int | Published | None, imagenet: Path, expected: int | None) -> Split:
    """ImageNet-R, ImageNet-A, or another data set of some of the classes of a folder like ImageNet's.

    Args:
        root: the data set's folder.
        classes: how many there must be, None for any number; or which of the published sets it is.
        imagenet: the folder like ImageNet's, of no account for a published set.
        expected: how many images there must be.
    """

    def inspect() -> Inspection:
        try:
            if isinstance(classes, str):
                require_structure(root, STRUCTURES[classes])
                known = KnownClasses(synsets.variant(classes), STRUCTURES[classes].name)
                return inspect_synsets(root, len(known.names), known, synsets.imagenet())
            require_structure(root, STRUCTURE)
            known = known_classes(imagenet, None) or names_in(require_split(imagenet, "val"))
        except InputError as error:
            return Inspection(faults=[error.sentence])
        return inspect_synsets(root, classes, known, known.names)

    return Split("all", expected, inspect)
