"""Tar files of tiny images, written member by member."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path


def image_bytes(name: str) -> bytes:
    """Content that tells images apart."""
    return f"the bytes of {name}\n".encode(errors="surrogateescape") * (1 + len(name))


def member(name: str, target: str | None = None, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """A member; with a ``target``, a link to it."""
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target or ""
    if kind == tarfile.REGTYPE:
        found.size = len(image_bytes(name))
    return found


def write_tar(path: Path, members: Iterable[tarfile.TarInfo | str], form: int = tarfile.GNU_FORMAT) -> Path:
    """A tar file, in a folder that is made as needed; a string stands for an image of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for one in members:
            info = member(one) if isinstance(one, str) else one
            archive.addfile(info, io.BytesIO(image_bytes(info.name)) if info.type == tarfile.REGTYPE else None)
    return path
