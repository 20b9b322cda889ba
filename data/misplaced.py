"""A data set that is not where it was said to be: what is there instead, and the command that helps.

People name the folder above or below the right one, unpack archives one level too deep, or not at all. A reader that
finds nothing of its data set asks here before it says that something is missing.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from data.images import require_folder
from data.listing import files_in, listing
from data.paths import shown

SYNSET = "n????????"
LEVELS_UP, LEVELS_DOWN = 2, 4
FOLDERS_LOOKED_AT = 500
ARCHIVE = re.compile(r".+?(?P<ending>\.zip|\.tgz|\.tar|\.tar\.(gz|bz2|xz|zst))")
PART = re.compile(r"(?P<whole>.+\.tar)[-_.]?(part)?[-_.]?([0-9]{1,4}|[a-z]{2})")  # of an archive that was cut


@dataclass(frozen=True)
class FolderStructure:
    """How the folder of a data set is known.

    Attributes:
        name: of the data set, for sentences.
        key: of the profile that names the folder.
        marks: patterns of paths; where one of them is there, the folder is the right one.
    """

    name: str
    key: str
    marks: tuple[str, ...]

    def is_at(self, folder: Path) -> bool:
        """Whether a folder is that of the data set."""
        return any(next(folder.glob(mark), None) is not None for mark in self.marks)


def require_structure(root: Path, structure: FolderStructure) -> Path:
    """``root`` itself, unless it is plain that the data set is somewhere else, or still packed.

    Raises:
        InputError: the folder does not exist, the data set is above or below it, or it holds archives alone.
    """
    require_folder(root, structure.name)
    if structure.is_at(root):
        return root
    for folder in (*list(root.absolute().parents)[:LEVELS_UP], *folders_below(root, LEVELS_DOWN)):
        if structure.is_at(folder):
            raise InputError(
                f"{structure.name} is not in {shown(root)} but in {shown(folder)}: name that folder, with --on or "
                f"--set {structure.key}={quoted(folder)}."
            )
    packed = unpacking(root)
    if packed is not None:
        raise InputError(f"{shown(root)} holds {structure.name} as it was packed: unpack it with `{packed}`.")
    return root


def unpacking(folder: Path) -> str | None:
    """The command that unpacks the archives of a folder where they lie; None where there are none."""
    archives: dict[str, list[str]] = {}
    wholes = set()
    for path in files_in(folder):
        if match := ARCHIVE.fullmatch(path.name):
            archives.setdefault(match["ending"], []).append(path.name)
        elif match := PART.fullmatch(path.name):
            wholes.add(match["whole"])
    commands = [f"cat {quoted(whole)}?* | tar -x" for whole in sorted(wholes)]
    for ending, names in archives.items():
        unpack = "unzip -q" if ending == ".zip" else "tar -xf"
        every = f'for archive in *{ending}; do {unpack} "$archive"; done'
        commands.append(f"{unpack} {quoted(names[0])}" if len(names) == 1 else every)
    return f"cd {quoted(folder)} && {' && '.join(commands)}" if commands else None


def quoted(path: str | Path) -> str:
    """A path for a command in a sentence."""
    return shlex.quote(shown(path))


def folders_below(root: Path, levels: int) -> Iterator[Path]:
    """The folders below a folder, so many levels deep and no more than is reasonable, the nearest first."""
    level, seen = [root], 0
    for _ in range(levels):
        following = []
        for folder in level:
            try:
                names = listing(folder).folders
            except InputError:  # a folder that cannot be listed holds nothing that can be named
                continue
            for name in names:
                seen += 1
                if seen > FOLDERS_LOOKED_AT:
                    return
                yield folder / name
                following.append(folder / name)
        level = following
