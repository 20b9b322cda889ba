"""How ImageNet is found among other data sets of folders by class."""

from pathlib import Path
from typing import Any

from core.errors import InputError
from data.discovery import Finder
from data.listing import listing
from data.misplaced import SYNSET, FolderStructure
from data.sets.imagenet.reader import known_classes
from data.shards import FOLDER


def _has_its_classes(folder: Path, section: Any, imagenet_classes: int | None) -> bool:
    """Whether its validation set has the right classes; what lies in shards is not opened for that."""
    try:
        folders, known = set(listing(folder / "val").folders), known_classes(folder, imagenet_classes)
    except InputError:
        return False
    return FOLDER in folders or (len(folders) == imagenet_classes if known is None else folders == set(known.names))


FINDER = Finder(FolderStructure("ImageNet", "data.imagenet", (f"val/{SYNSET}", "val/shards/*.tar")), _has_its_classes)
