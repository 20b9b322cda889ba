"""The files in an archive that may come from anywhere: what is not as published stops it before anything is written.

Nothing is extracted by tarfile or zipfile themselves, whose filters let through more than a published data set has:
here a member is a file below the folder that it is unpacked in, or a folder, and neither a link nor a device.
"""

import gzip
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from core.errors import InputError
from data.listing import is_ignored
from data.paths import shown

ZIP, TAR, COMPRESSED_TAR = ".zip", ".tar", ".tar.gz"  # any other ending: a file that is no archive
BYTES_AT_ONCE = 1 << 20
# What the libraries raise for damage; RuntimeError for a member that is encrypted, or compressed in an unknown way.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, OverflowError, RuntimeError)


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        path: below the folder that the archive is unpacked in.
        size: in bytes, as the archive announces it; reading gives exactly so many, or an error.
        chunks: reads it, while the next member has not been asked for. It raises InputError for damage.
    """

    path: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


def members(archive: Path, header: int | None = None) -> Iterator[Member]:
    """Every file in an archive, in its order, without what readers ignore wherever it lies (:mod:`data.listing`).

    A file that is no archive by its name is its own one member.

    Args:
        archive: a tar file, compressed with gzip or not, or a zip file.
        header: where the header of a tar file in it stands, whose members are meant; None for the archive's own.

    Raises:
        InputError: the archive is damaged, or was cut off, or holds what no published one does: a path out of the
            folder, a link, a device, a member that is encrypted.
        OSError: it cannot be read.
    """
    if archive.name.endswith(ZIP):
        found = _of_zip(archive)
    elif archive.name.endswith((TAR, COMPRESSED_TAR)):
        found = _of_tar(archive, header)
    else:
        found = _alone(archive)
    for member in found:
        if not any(map(is_ignored, member.path.split("/"))):
            yield member


def announced_bytes(archive: Path) -> int:
    """How many bytes the members of an archive have together, as :attr:`Piece.bytes` says.

    Raises:
        InputError: it is no zip file, though called like one.
        OSError: it cannot be read.
    """
    if not archive.name.endswith(ZIP):
        return archive.stat().st_size
    with explained(archive), zipfile.ZipFile(archive) as opened:
        return sum(info.file_size for info in opened.infolist())


@contextmanager
def explained(archive: Path, member: str = "") -> Iterator[None]:
    """Say of what the block raises about an archive's content that it is damaged there.

    Raises:
        InputError: it is.
        OSError: the system refuses to read it, with its path.
    """
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = error.filename or str(archive)
            raise
        where = f" at {shown(member)}" if member else ""
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"The archive {shown(archive)} is damaged{where}, or was not fetched to its end ({reason}): fetch it again."
        ) from None


def unexpected(archive: Path, member: str, what: str) -> InputError:
    """The refusal of a member that a published archive does not have."""
    return InputError(
        f"The archive {shown(archive)} holds {shown(member)}, {what}, so it is not the published one: fetch it again, "
        "from where run_all.py data list says."
    )


def _of_tar(archive: Path, header: int | None) -> Iterator[Member]:
    with explained(archive), _opened(archive) as whole:
        raw = whole if header is None else _inner(whole, header)
        with tarfile.open(fileobj=raw, mode="r:") as opened:
            position = -1
            while (info := opened.next()) is not None and opened.offset > position:
                position = opened.offset
                opened.members = []  # type: ignore[attr-defined]  # it would keep every member it has read
                path = _below(archive, info.name)
                if info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    raise unexpected(archive, info.name, _kind(info))
                yield Member(path, info.size, partial(_content, archive, path, info.size, partial(_read, opened, info)))
            _require_end(raw, opened.offset)


def _of_zip(archive: Path) -> Iterator[Member]:
    with explained(archive), zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            path = _below(archive, info.filename)
            if info.is_dir():
                continue
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                raise unexpected(archive, info.filename, "which is a link or a device")
            read = partial(opened.open, info)
            yield Member(path, info.file_size, partial(_content, archive, path, info.file_size, read))


def _alone(archive: Path) -> Iterator[Member]:
    size = archive.stat().st_size
    yield Member(archive.name, size, partial(_content, archive, archive.name, size, partial(_opened, archive)))


def _opened(archive: Path) -> IO[bytes]:
    return gzip.open(archive) if archive.name.endswith(COMPRESSED_TAR) else open(archive, "rb")  # type: ignore[return-value]


def _inner(raw: IO[bytes], header: int) -> IO[bytes]:
    """A tar file within another one, read where it lies."""
    raw.seek(header)
    with tarfile.open(fileobj=raw, mode="r:") as outer:  # closing it leaves the file that it was given open
        info = outer.next()
        assert info is not None  # it has read that one
        return _read(outer, info)


def _read(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    found = opened.extractfile(info)
    assert found is not None  # it is a regular file
    return found


def _content(archive: Path, path: str, size: int, read: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    """The bytes of a member, no more than it announces."""
    left = size
    with explained(archive, path), read() as file:
        while left:
            chunk = file.read(min(BYTES_AT_ONCE, left))
            if not chunk:
                raise EOFError(f"it ends {left:,} bytes early")
            left -= len(chunk)
            yield chunk
        file.read(1)  # at its end, zipfile compares the checksum


def _below(archive: Path, name: str) -> str:
    """The path of a member, if it stays in the folder that it is unpacked in."""
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise unexpected(archive, name, "which is no path below the folder it is unpacked in")
    return posixpath.normpath(name)


def _kind(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return f"a link to {shown(info.linkname)}"
    return "a device or a pipe" if info.isdev() else "which is no ordinary file"


def _require_end(raw: IO[bytes], position: int) -> None:
    """A tar file ends with a block of zeros, unless it was cut off between two members, or is damaged there."""
    raw.seek(position)
    if raw.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise EOFError(f"it has no end at byte {position:,}")
    while raw.read(BYTES_AT_ONCE):  # to the end: there gzip compares its checksum
        pass
