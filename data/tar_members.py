"""What an uncompressed tar file holds, member by member; damage that would lose one is refused."""

import os
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from core.errors import InputError
from data.listing import is_image
from data.paths import shown

BLOCK = tarfile.BLOCKSIZE
BYTES_AT_ONCE = 1 << 20
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
REMEDY = "write it anew from the images, with tar -cf"
DAMAGE = (OSError, tarfile.TarError, ValueError, OverflowError, RecursionError)  # what tarfile raises for it


class Stored(NamedTuple):
    """A file whose bytes are in the archive.

    Attributes:
        path: as it would be unpacked, without ``./``.
        offset, size: where the bytes begin, and how many there are.
        header: the CRC-32 of the 512 bytes before them, the member's header.
    """

    path: bytes
    offset: int
    size: int
    header: int


class Link(NamedTuple):
    """A hard or symbolic link; ``target`` is the path it leads to, None where that lies outside the archive."""

    path: bytes
    target: bytes | None


class Folder(NamedTuple):
    """A folder that is called like an image."""

    path: bytes


def members(file: Path) -> Iterator[Stored | Link | Folder]:
    """Every file and every link in a tar file, in its order; other folders, pipes and devices are left out.

    Raises:
        InputError: the archive is no tar file, compressed, damaged, cut off or goes on after its end; or an image in it
            is stored in a way that has no place for it: sparse, of an unknown kind, or outside the folder it is
            unpacked in.
    """
    try:
        with open(file, "rb") as raw:
            _refuse_compressed(raw, file)
            with tarfile.open(fileobj=raw, mode="r:") as archive:
                position = -1
                while (member := archive.next()) is not None and archive.offset > position:
                    position = archive.offset
                    archive.members = []  # type: ignore[attr-defined]  # it would keep every member it has read
                    found = _found(member, raw, file)
                    if found is not None:
                        yield found
                _require_end(raw, archive.offset, file)
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise InputError(f"The shard {shown(file)} is no whole, uncompressed tar file ({reason}): {REMEDY}.") from None


def _found(member: tarfile.TarInfo, raw: IO[bytes], file: Path) -> Stored | Link | Folder | None:
    path = posixpath.normpath(member.name)
    if member.isdir():
        return Folder(os.fsencode(path)) if is_image(path) else None
    if member.isdev():
        return None
    if _is_outside(path) or ".." in member.name.split("/"):  # which tar does not unpack either
        if is_image(path):
            raise InputError(
                f"The shard {shown(file)} holds {shown(member.name)}, which is no path below the folder it is unpacked "
                f"in: {REMEDY}, within that folder."
            )
        return None
    if member.issym() or member.islnk():
        base = posixpath.dirname(path) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        return Link(os.fsencode(path), None if _is_outside(target) else os.fsencode(target))
    if member.isreg() and not member.issparse() and member.size >= 0:
        header = os.pread(raw.fileno(), BLOCK, member.offset_data - BLOCK)
        return Stored(os.fsencode(path), member.offset_data, member.size, zlib.crc32(header))
    if is_image(path):
        kind = "as a sparse file" if member.issparse() else f"as a member of the unknown kind {member.type!r}"
        raise InputError(f"The shard {shown(file)} holds {shown(path)} {kind}: {REMEDY}.")
    return None


def _is_outside(path: str) -> bool:
    """Whether a normal path leads out of the folder that an archive is unpacked in."""
    return path.startswith(("/", "../")) or path == ".."


def _refuse_compressed(raw: IO[bytes], file: Path) -> None:
    start = raw.read(max(map(len, COMPRESSIONS)))
    raw.seek(0)
    for magic, name in COMPRESSIONS.items():
        if start.startswith(magic):
            raise InputError(
                f"The shard {shown(file)} is compressed with {name}, so that no image can be read by its position: "
                "decompress it."
            )


def _require_end(raw: IO[bytes], position: int, file: Path) -> None:
    """A tar file ends with blocks of zeros, and nothing comes after them."""
    raw.seek(position)
    length = 0
    while block := raw.read(BYTES_AT_ONCE):
        if block.count(0) != len(block):
            raise InputError(
                f"The shard {shown(file)} goes on where its members end, at byte {position}: it is damaged there, or "
                f"two archives were put one after the other; {REMEDY}."
            )
        length += len(block)
    if length < 2 * BLOCK:
        raise InputError(
            f"The shard {shown(file)} has no end: it was cut off after {position} bytes; fetch it again, or {REMEDY}."
        )
