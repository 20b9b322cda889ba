"""The synsets of ImageNet, ImageNet-R and ImageNet-A, as they were published: data/synsets.txt names its sources."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

Published = Literal["imagenet-r", "imagenet-a"]

TABLE = Path(__file__).parent / "synsets.txt"
MARKS: dict[Published, str] = {"imagenet-r": "R", "imagenet-a": "A"}


def is_published(classes: int | None, imagenet_classes: int | None) -> bool:
    """Whether so many of ImageNet's classes are those of ImageNet-R or ImageNet-A: 200 of 1,000."""
    return (classes, imagenet_classes) == (200, 1000)


@cache
def imagenet() -> Sequence[str]:
    """ImageNet's 1,000 synsets; class i is the i-th, and they are sorted."""
    return tuple(synset for synset, *_ in _rows())


@cache
def variant(name: Published) -> Sequence[str]:
    """The 200 synsets of ImageNet-R or ImageNet-A, sorted."""
    return tuple(synset for synset, *marks in _rows() if MARKS[name] in marks)


def _rows() -> list[list[str]]:
    return [line.split() for line in TABLE.read_text(encoding="ascii").splitlines() if not line.startswith("#")]
