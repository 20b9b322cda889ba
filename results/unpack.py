"""Opens an archive that anybody may have made: in a temporary folder, nothing outside it, and only so much."""

import gzip
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import InputError

LARGEST_FILE = 1 << 28  # bytes; an evaluation at the paper's scale leaves a tenth of it
LARGEST_ARCHIVE = 1 << 32  # bytes, unpacked
MOST_FILES = 100_000
READ_AT_ONCE = 1 << 20
SUFFIX = ".tar.gz"
ADVICE = "take one that python -m results pack has written"


class _RefusedError(Exception):
    """What an archive holds that none of ours does; continues "it ..."."""


class _Forwards:
    """What a gzip file holds, read from front to back and never much at once, as archives may say what they like."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._place = 0  # behind what was read
        self._last = b""
        self._is_behind = False  # whether the last byte is to be given once more

    def tell(self) -> int:
        return self._place - self._is_behind

    def read(self, size: int) -> bytes:
        if not 0 <= size <= READ_AT_ONCE:
            raise _RefusedError("has a header that is too long")
        again = self._last if self._is_behind and size else b""
        new = self._file.read(size - len(again))
        self._place += len(new)
        self._last, self._is_behind = new[-1:] or self._last, self._is_behind and not size
        return again + new

    def seek(self, place: int) -> int:
        """Go on to a place; back by one byte at most, as tarfile does to see whether there is one."""
        if place < self._place - 1:
            raise _RefusedError("is not in order")
        self._is_behind = place == self._place - 1
        while place > self._place and self.read(min(READ_AT_ONCE, place - self._place)):
            if self._place > LARGEST_ARCHIVE:
                raise _RefusedError("is too large")
        return place


def name_of(archive: Path) -> str:
    """An archive's name without what says that it is one."""
    return archive.name.removesuffix(SUFFIX)


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The folder of the runs in an archive, for the length of the block.

    Raises:
        InputError: it is no archive of one folder with regular files alone, or it is too large.
    """
    with tempfile.TemporaryDirectory(prefix="audit-") as place:
        try:
            with gzip.open(archive, "rb") as file, tarfile.open(fileobj=_Forwards(file), mode="r:") as tar:  # type: ignore[call-overload]
                top = _unpack(tar, Path(place))
        except _RefusedError as error:
            raise InputError(f"The archive {archive} is not opened, as it {error}: {ADVICE}.") from None
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, RecursionError) as error:
            raise InputError(f"The archive {archive} cannot be read ({error}): {ADVICE}.") from None
        yield Path(place) / top


def _unpack(tar: tarfile.TarFile, place: Path) -> str:
    """Write its files; gives the name of the one folder that they are in."""
    tops: set[str] = set()
    total = 0
    for number, member in enumerate(tar):
        parts = member.name.split("/")
        total += member.size
        _require_harmless(member, parts)
        tops.add(parts[0])
        if len(tops) > 1:
            raise _RefusedError(f"holds more than one folder ({', '.join(sorted(map(ascii, tops)))})")
        if total > LARGEST_ARCHIVE or number >= MOST_FILES:
            raise _RefusedError("is too large")
        path = place.joinpath(*parts)
        if path.exists() or not _can_be_in(path.parent, place):
            raise _RefusedError(f"holds {member.name!a} twice")
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(tar, member, path)
    if not tops:
        raise _RefusedError("is empty")
    return tops.pop()


def _can_be_in(folder: Path, place: Path) -> bool:
    return all(
        parent.is_dir() for parent in (folder, *folder.parents) if parent.is_relative_to(place) and parent.exists()
    )


def _require_harmless(member: tarfile.TarInfo, parts: list[str]) -> None:
    """Refuse what would be written elsewhere, or is no file."""
    if len(parts) < 2 or not {"", ".", ".."}.isdisjoint(parts) or "\0" in member.name:
        raise _RefusedError(f"holds the name {member.name!a}, which does not lie in one folder of its own")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
        raise _RefusedError(f"holds {member.name!a}, which is no regular file but a link or the like")
    if not 0 <= member.size <= LARGEST_FILE:
        raise _RefusedError(f"holds {member.name!a} of {member.size:,} bytes, which is too large")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None  # as it is a regular file
    with content, open(path, "xb") as file:
        while block := content.read(READ_AT_ONCE):
            file.write(block)
