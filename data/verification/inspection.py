"""What is looked at in one split of a data set without opening an image; every problem becomes a sentence."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from data.images import ImageTable

SHOWN = 5  # classes, lines or folders that a sentence names; it says how many there are


@dataclass
class Inspection:
    """The outcome.

    Attributes:
        count: how many images the split's lists or folders name.
        images: those that can be looked at; None where there is nothing to go by.
        faults: one sentence each.
    """

    count: int = 0
    images: ImageTable | None = None
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Split:
    """A part of a data set: its name, how many images it must have (None: any number), how to inspect it."""

    name: str
    expected: int | None
    inspect: Callable[[], Inspection]


@dataclass(frozen=True)
class DataSet:
    """A data set under its name in the profile."""

    name: str
    splits: tuple[Split, ...]


def class_faults(images: ImageTable) -> list[str]:
    """Labels out of range, and classes without an image."""
    labels, faults = images.labels, []
    if labels.ndim == 2:
        present = labels.any(axis=0)
    else:
        outside = np.flatnonzero((labels < 0) | (labels >= images.classes))
        if outside.size:
            first = images.paths[int(outside[0])].decode(errors="replace")
            faults.append(
                f"{images.source} gives {outside.size} images a label outside [0, {images.classes}), the first is "
                f"{labels[outside[0]]} for {first}: correct the lists, or the number of classes in the profile."
            )
        inside = np.delete(labels, outside)
        present = np.bincount(inside, minlength=images.classes) > 0
    empty = np.flatnonzero(~present)
    if empty.size:
        faults.append(
            f"{images.source} has no image of {empty.size} of {images.classes} classes ({some(empty.tolist())}): "
            "complete the data set, or correct the number of classes in the profile."
        )
    return faults


def count_fault(name: str, inspection: Inspection, expected: int | None) -> list[str]:
    """That there are more or fewer images than there must be, where anything was found at all."""
    if expected is None or inspection.images is None or inspection.count == expected:
        return []
    return [
        f"{name}: found {inspection.count:,} images, expected {expected:,}: complete the data set, or correct "
        "the number in the profile."
    ]


def some(things: list) -> str:
    """The first few, and that there are more."""
    return ", ".join(str(thing) for thing in things[:SHOWN]) + (", ..." if len(things) > SHOWN else "")
