"""Whether a file is the one that was published: by its size and digest, or else by what its kind begins with."""

import hashlib
import tarfile
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from data.manifest import PublishedFile

UNKNOWN = "unknown"  # a digest that nobody states
DIGESTS = {"sha256": "SHA-256", "md5": "MD5"}  # as hashlib and as people call them
BEGINNING = 512  # bytes, at most, that tell the kind
BYTES_AT_ONCE = 1 << 20


class NotTheFileError(Exception):
    """A file is another than the published one; the message is a phrase that says what was found and expected."""


class Content(NamedTuple):
    """What a file holds that is the published one, as far as that can be told.

    Attributes:
        bytes: its size.
        sha256: of all of it.
        digest: who states the digest that it has, in words; ``unknown`` where nobody states one.
    """

    bytes: int
    sha256: str
    digest: str


def content_of(path: Path, file: PublishedFile, tell: Callable[[int, int], None]) -> Content:
    """Read all of a file, which has to be a published one.

    Args:
        path: of the file.
        file: as which it was published.
        tell: called with the bytes that were read and their number, at least every second; may raise.

    Raises:
        NotTheFileError: size or digest are others; or, where no digest is known, it is a page, or begins like no file
            of its kind.
    """
    require_size(path, file)
    expected = {name: digest for name, digest in (("sha256", file.sha256), ("md5", file.md5)) if digest}
    if not expected and (seen := _seen(path, file)):
        raise NotTheFileError(seen)
    size, found = path.stat().st_size, _digests(path, ("sha256", *expected), tell)
    for name, digest in expected.items():
        if found[name] != digest:
            raise NotTheFileError(_seen(path, file) or f"its {DIGESTS[name]} is {found[name]}, expected {digest}")
    return Content(size, found["sha256"], f"as stated by {file.stated_by}" if expected else UNKNOWN)


def require_size(path: Path, file: PublishedFile) -> None:
    """Make sure that a file is as large as it was published, where that is known.

    Raises:
        NotTheFileError: it is not.
    """
    size = path.stat().st_size
    if file.bytes not in (None, size):
        raise NotTheFileError(_seen(path, file) or f"it has {size:,} bytes, expected {file.bytes:,}")


def _digests(path: Path, names: Collection[str], tell: Callable[[int, int], None]) -> dict[str, str]:
    """Digests of a file by their names, all in one pass."""
    digests, done, size = {name: hashlib.new(name) for name in names}, 0, path.stat().st_size
    with open(path, "rb") as file:
        while chunk := file.read(BYTES_AT_ONCE):
            for digest in digests.values():
                digest.update(chunk)
            done += len(chunk)
            tell(done, size)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _seen(path: Path, file: PublishedFile) -> str | None:
    """What a file plainly is in place of one of its kind; None where nothing is plain."""
    with open(path, "rb") as opened:
        beginning = opened.read(BEGINNING)
    if beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "it is a web page, perhaps one to sign in or to confirm, and not the file"
    for ending, (kind, is_one) in KINDS.items():
        if file.name.endswith(ending):
            return None if is_one(path, beginning) else f"it is no {kind}, as it begins with {beginning[:16]!r}"
    return None


def _is_tar(path: Path, beginning: bytes) -> bool:
    return any(beginning) and tarfile.is_tarfile(path)  # which takes zeros for an empty archive


def _is_of_torch(path: Path, beginning: bytes) -> bool:
    return beginning.startswith((b"PK\x03\x04", b"\x80"))  # since PyTorch 1.6, and before


KINDS: dict[str, tuple[str, Callable[[Path, bytes], bool]]] = {  # by the ends of names, the longest first
    ".tar.gz": ("tar.gz archive", lambda path, beginning: beginning.startswith(b"\x1f\x8b")),
    ".pth.tar": ("checkpoint of PyTorch", _is_of_torch),
    ".pth": ("checkpoint of PyTorch", _is_of_torch),
    ".zip": ("zip archive", lambda path, beginning: zipfile.is_zipfile(path)),
    ".tar": ("tar archive", lambda path, beginning: _is_tar(path, beginning) or _is_of_torch(path, beginning)),
    ".txt": ("text", lambda path, beginning: b"\0" not in beginning),
}
