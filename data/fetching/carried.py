"""Files from a folder that somebody has brought: linked where that can be done, and otherwise copied."""

import os
from collections.abc import Callable
from pathlib import Path

from core.files import naming
from data.fetching.content import NotTheFileError, require_size
from data.fetching.part import Part
from data.fetching.wanted import Brought, NotThereError, Wanted
from data.fetching.watch import Watch

BYTES_AT_ONCE = 1 << 20


class Carried:
    """A folder that holds files by their names; they stay there.

    Args:
        folder: that holds them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def room_for(self, wanted: Wanted) -> int:
        path = self._folder / wanted.name
        is_elsewhere = path.is_file() and path.stat().st_dev != wanted.path.parent.stat().st_dev
        return path.stat().st_size if is_elsewhere else 0

    def bring(self, wanted: Wanted, watch: Watch) -> Brought:
        path = self._folder / wanted.name
        if not path.is_file():
            raise NotThereError(f"there is no {path}")
        aside = Part(wanted.path).aside
        try:
            require_size(path, wanted.file)
            aside.unlink(missing_ok=True)
            if not _is_linked(path, aside):
                _copy(path, aside, lambda done, total: watch.tell(wanted.name, done, total))
            return Brought(aside, str(path), wanted.content_at(aside, watch))
        except NotTheFileError as error:
            aside.unlink(missing_ok=True)
            raise NotThereError(f"{path} is another file ({error})") from None


def _is_linked(path: Path, second: Path) -> bool:
    """Give a file a second name; whether the file system does."""
    try:
        os.link(path.resolve(), second)
    except OSError:  # another file system, one without links, or a file of somebody else's
        return False
    return True


def _copy(path: Path, second: Path, tell: Callable[[int, int], None]) -> None:
    done, size = 0, path.stat().st_size
    with open(path, "rb") as source, naming(second), open(second, "wb") as copy:
        while chunk := source.read(BYTES_AT_ONCE):
            copy.write(chunk)
            done += len(chunk)
            tell(done, size)
