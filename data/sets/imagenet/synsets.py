"""The synsets of ImageNet, ImageNet-R and ImageNet-A, as they were published: synsets.txt names its sources."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from data.sets.imagenet_variants.spec import Published

TABLE = Path(__file__).parent / "synsets.txt"
MARKS: dict[Published, str] = {"imagenet-r": "R", "imagenet-a": "A"}


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
