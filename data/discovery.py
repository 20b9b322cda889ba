"""Finds a data set below one folder: by the name that a profile gives it, or else by its folder structure."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from data.misplaced import FolderStructure, folders_below, quoted
from data.paths import shown

LEVELS = 2  # below the root


@dataclass(frozen=True)
class Finder:
    """How a data set is found.

    Attributes:
        structure: of its folder.
        is_this: whether a folder of this structure holds the data set that a profile's section describes, and not
            another one that is laid out like it; called with the folder, the section, and how many classes ImageNet
            must have, None where that is not known.
    """

    structure: FolderStructure
    is_this: Callable[[Path, Any, int | None], bool]

    def find(self, root: Path, name: str, section: Any, imagenet_classes: int | None) -> Path | None:
        """Where it lies below ``root``; None where it is not found.

        A folder of its name is taken as soon as it has the structure: its reader says what else is wrong there.

        Raises:
            InputError: several folders hold it, and none has its name.
        """
        if self.structure.is_at(root / name):
            return root / name
        by_place: dict[Path, Path] = {}  # a link to a folder is no second one
        for folder in folders_below(root, LEVELS):
            if self.structure.is_at(folder) and self.is_this(folder, section, imagenet_classes):
                by_place.setdefault(folder.resolve(), folder)
        found = list(by_place.values())
        if len(found) > 1:
            raise InputError(
                f"{self.structure.name} is in {shown(found[0])} and in {shown(found[1])}, and nothing says which is "
                f"meant: name it, with --set {self.structure.key}={quoted(found[0])}."
            )
        return found[0] if found else None


def by_structure(folder: Path, section: Any, imagenet_classes: int | None) -> bool:
    """Of a data set whose folder structure no other one has."""
    return True
