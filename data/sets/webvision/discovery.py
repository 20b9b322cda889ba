"""How a set of WebVision's folder structure is found: V1.0 and V2.0 differ in their classes."""

from pathlib import Path

from core.errors import InputError
from data.discovery import Finder
from data.lists import read_list
from data.sets.webvision import reader
from data.sets.webvision.spec import WebVisionSet


def _has_its_classes(folder: Path, section: WebVisionSet, imagenet_classes: int | None) -> bool:
    """Whether the list of clean images, the shortest one, has as many classes as the section says are on disk."""
    try:
        _, labels = read_list(folder / reader.VALIDATION_LIST, section.classes_on_disk)
    except InputError:  # a label that is too high, or no list
        return False
    return int(labels.max()) == section.classes_on_disk - 1


FINDER = Finder(reader.STRUCTURE, _has_its_classes)
