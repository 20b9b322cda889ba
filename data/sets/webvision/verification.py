"""What ``verify`` looks at in a set of WebVision's folder structure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from core.errors import InputError
from data.declaration import DataLocation
from data.images import ImageTable
from data.sets.webvision import reader
from data.sets.webvision.spec import VERIFIED, WebVisionSet
from data.subsets import chosen_images, select_classes
from data.verification.inspection import DataSet, Inspection, Split
from data.verification.lists import inspect_lists


def checks(sets: Mapping[str, WebVisionSet], location: DataLocation) -> Iterator[DataSet]:
    """The lists of every training set."""
    for name, section in sets.items():
        yield DataSet(name, (_train(section, location), _validation(section, location)))


def _train(section: WebVisionSet, location: DataLocation) -> Split:
    """The training lists; of the images, those that are trained on, and those that only a verification leaves out."""
    root, listed = location.root / section.folder, section.exclusions
    exclusions = None if listed is None or listed.file == VERIFIED else location.root / listed.file

    def inspect() -> Inspection:
        lists = [root / reader.list_of(source) for source in section.sources]
        inspection = inspect_lists(reader.STRUCTURE, root, lists, root, root / "info", section.classes_on_disk)
        if inspection.images is not None:
            inspection.images = replace(inspection.images, remedy=reader.REMEDY)
            try:
                part = _kept(inspection.images, section)
                inspection.images = chosen_images(part, section.subset, exclusions)
            except InputError as error:
                inspection.faults.append(error.sentence)
        return inspection

    return Split("train", section.train_lines, inspect)


def _validation(section: WebVisionSet, location: DataLocation) -> Split:
    """The validation list; of the images, those of the classes that are kept."""
    root = location.root / section.folder
    listed, images = root / reader.VALIDATION_LIST, root / reader.VALIDATION_IMAGES

    def inspect() -> Inspection:
        inspection = inspect_lists(reader.STRUCTURE, root, [listed], images, listed, section.classes_on_disk)
        if inspection.images is not None:
            try:
                inspection.images = _kept(inspection.images, section)
            except InputError as error:
                inspection.faults.append(error.sentence)
        return inspection

    return Split("validation", section.validation_lines, inspect)


def _kept(images: ImageTable, section: WebVisionSet) -> ImageTable:
    return select_classes(images, section.part.kept(section.classes)) if section.part else images
