"""What ``verify`` looks at in a set of WebVision's layout."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from core.errors import InputError
from data.declaration import World
from data.sets.webvision import reader
from data.sets.webvision.spec import WebVisionSet
from data.subsets import chosen_images
from data.verification.inspection import DataSet, Inspection, Split
from data.verification.lists import inspect_lists


def checks(sets: Mapping[str, WebVisionSet], world: World) -> Iterator[DataSet]:
    """The lists of every training set."""
    for name, section in sets.items():
        yield DataSet(name, (_train(section, world), _validation(section, world)))


def _train(section: WebVisionSet, world: World) -> Split:
    """The training lists; of the images, those that are trained on."""
    root = world.root / section.folder
    exclusions = None if section.exclusions is None else world.root / section.exclusions

    def inspect() -> Inspection:
        lists = [root / name for name in reader.TRAIN_LISTS]
        inspection = inspect_lists(reader.LAYOUT, root, lists, root, root / "info", section.classes)
        if inspection.images is not None:
            inspection.images = replace(inspection.images, remedy=reader.REMEDY)
            try:
                inspection.images = chosen_images(inspection.images, section.subset, exclusions)
            except InputError as error:
                inspection.faults.append(error.sentence)
        return inspection

    return Split("train", section.train_lines, inspect)


def _validation(section: WebVisionSet, world: World) -> Split:
    root = world.root / section.folder
    listed, images = root / reader.VALIDATION_LIST, root / reader.VALIDATION_IMAGES
    return Split(
        "validation",
        section.validation_lines,
        lambda: inspect_lists(reader.LAYOUT, root, [listed], images, listed, section.classes),
    )
