"""The files and folders of a data set that readers see; every reader lists folders by this one rule.

Ignored is, wherever it lies:

- what is hidden: its name begins with a dot (``.ipynb_checkpoints``, ``.DS_Store``, ``._x.JPEG``, ``.snapshot``);
- what a system has put there (``lost+found``, ``@eaDir``, ``__MACOSX``, ``Thumbs.db``, ``$RECYCLE.BIN``);
- among images, what is none: every folder, pipe or device, even one named ``x.JPEG``, and every file with another
  ending (a README, a checksum); among folders of classes, every file that is no image.

Whatever else does not belong there is named by the reader that meets it: a class folder too many, an image that lies
where no reader looks, an image of a format that no reader takes. A link counts as what it is named after, an image or a
folder, and one that leads nowhere as what is missing there.

Of an image nothing is looked at but its name in the listing; the same rule holds for paths in tar files.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from core.errors import InputError
from data.paths import shown

SUFFIXES = (".jpeg", ".jpg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # as torchvision's ImageFolder
UNREAD = (".jfif", ".jpe", ".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2")
SYSTEM_NAMES = {
    "lost+found",  # ext4
    *("__macosx", "network trash folder", "temporary items", "icon\r"),  # macOS
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information"),  # Windows
    *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "~snapshot"),  # network storage
}


class Listing(NamedTuple):
    """The names of a folder's images, of its folders, and of images that cannot be read, all sorted."""

    images: list[str]
    folders: list[str]
    unread: list[str]


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is hidden or a system's."""
    return (name.startswith(".") and name != "..") or name.lower() in SYSTEM_NAMES


def is_image(path: str) -> bool:
    """Whether a file is taken for an image: by its name, and by those of the folders in a relative path."""
    return path.lower().endswith(SUFFIXES) and not any(is_ignored(name) for name in path.split("/"))


def is_unread(path: str) -> bool:
    """Whether a file is an image of a format that is not read: by its name, as with images."""
    return path.lower().endswith(UNREAD) and not any(is_ignored(name) for name in path.split("/"))


def refuse_unread(place: Path, files: Sequence[str]) -> None:
    """Refuse a folder, or a shard, that holds what ``is_unread`` tells.

    Raises:
        InputError: there is such a file.
    """
    if files:
        raise InputError(
            f"{shown(place)} holds {shown(files[0])}{f' and {len(files) - 1} more' * (len(files) > 1)}, an image of a "
            f"format that is not read: convert it to one of {', '.join(SUFFIXES)}, or remove it."
        )


def listing(folder: Path) -> Listing:
    """The images and the folders that count in a folder.

    Raises:
        InputError: it cannot be listed.
    """
    found = Listing([], [], [])
    for entry in _entries(folder):
        if entry.name.lower().endswith(SUFFIXES):
            if entry.is_file(follow_symlinks=False) or entry.is_symlink():  # of a link nothing is looked at
                found.images.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                found.folders.append(entry.name)
        elif _is_folder(entry):
            found.folders.append(entry.name)
        elif is_unread(entry.name):
            found.unread.append(entry.name)
    for names in found:
        names.sort()
    return found


def files_in(folder: Path, endings: tuple[str, ...] = ("",)) -> list[Path]:
    """The files of a folder whose names have one of some endings, sorted; a link that leads nowhere is one.

    Raises:
        InputError: the folder cannot be listed.
    """
    return sorted(
        folder / entry.name
        for entry in _entries(folder)
        if entry.name.endswith(endings)
        and not (os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False))
    )


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_ignored(entry.name):
                    yield entry
    except OSError as error:
        raise InputError(
            f"The folder {shown(folder)} cannot be listed ({error.strerror}): restore it, or its permissions."
        ) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere stands for a folder that is missing."""
    return not os.path.isfile(entry.path) if entry.is_symlink() else entry.is_dir()
