"""How ImageNet-R and ImageNet-A are found: by the names of their 200 synsets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InputError
from data.discovery import Finder
from data.listing import listing
from data.sets.imagenet import synsets
from data.sets.imagenet_variants.reader import STRUCTURES
from data.sets.imagenet_variants.spec import Published


def _has_synsets_of(name: Published) -> Callable[[Path, Any, int | None], bool]:
    def has_them(folder: Path, section: Any, imagenet_classes: int | None) -> bool:
        try:
            return set(listing(folder).folders) == set(synsets.variant(name))
        except InputError:
            return False

    return has_them


FINDER_R, FINDER_A = (
    Finder(STRUCTURES["imagenet-r"], _has_synsets_of("imagenet-r")),
    Finder(STRUCTURES["imagenet-a"], _has_synsets_of("imagenet-a")),
)
