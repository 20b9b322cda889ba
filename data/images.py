"""A data set as a table: relative paths and labels, and the one place where an image file is opened."""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from core.errors import InputError
from data.paths import Paths
from data.shards import Shards

# What Pillow raises for a file that is no whole image, beside OSError.
DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)

REMEDY = "fetch it again"


@dataclass(frozen=True, eq=False)
class ImageTable:
    """The images of one split of a data set.

    Attributes:
        root: the folder that the paths are relative to.
        paths: ``[n]`` relative paths as bytes.
        labels: ``[n]`` class indices, or ``[n, classes]`` with 1 where a class is present (multi-label data sets).
        classes: how many classes there are.
        source: the file or folder the table was read from, to be named in errors.
        shards: the tar files below ``root`` that hold the images; None where each is a file of its own.
        remedy: what the user can do about an image that is broken, for errors.
    """

    root: Path
    paths: Paths
    labels: np.ndarray
    classes: int
    source: Path
    shards: Shards | None = None
    remedy: str = REMEDY

    def __len__(self) -> int:
        return len(self.paths)

    def content(self, index: int) -> bytes:
        """The bytes of image ``index``: the one place that knows whether it lies in a file or in a shard.

        Raises:
            FileNotFoundError: there is no such image.
            OSError: it cannot be read.
        """
        path = self.paths[index]
        if self.shards is not None:
            return self.shards.read(path)
        with open(os.path.join(os.fsencode(self.root), path), "rb", buffering=0) as file:
            return file.readall()

    def decode(self, index: int) -> np.ndarray:
        """Image ``index`` as 8-bit RGB, ``[height, width, 3]``.

        Raises:
            InputError: the file is missing, or is not a whole image (a truncated one is refused, never padded).
        """
        missing = "does not exist" if self.shards is None else "is in none of the shards"
        place = self.root / self.paths[index].decode(errors="replace")
        return decoded(lambda: self.content(index), place, self.source, missing, self.remedy)

    def subset(self, rows: np.ndarray) -> "ImageTable":
        """The images of some rows, in that order."""
        return replace(self, paths=self.paths[rows], labels=self.labels[rows])

    def fingerprint(self) -> dict[str, object]:
        """What identifies the split in a record: its size and a digest of every path and label, in order."""
        digest = hashlib.sha256()
        for number, path in enumerate(self.paths):
            digest.update(b"\n" + path if number else path)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        return {"images": len(self), "classes": self.classes, "sha256": digest.hexdigest()}


def decoded(
    read: Callable[[], bytes], place: Path, source: Path, missing: str = "does not exist", remedy: str = REMEDY
) -> np.ndarray:
    """An image that ``source`` names, as 8-bit RGB, ``[height, width, 3]``.

    Args:
        read: gives its bytes.
        place: the image, for errors.
        source: the file or folder that names it, for errors.
        missing: what to say where there is no such image.
        remedy: what the user can do about one that is broken.

    Raises:
        InputError: the image is missing, or is not a whole one.
    """
    try:
        return _decode(read())
    except FileNotFoundError:
        raise InputError(f"{source} names the image {place}, which {missing}: {remedy}.") from None
    except Image.UnidentifiedImageError:
        reason = "it is no image"
    except DECODING_ERRORS as error:
        reason = " ".join(str(error).split())
    raise InputError(f"The image {place} (named in {source}) cannot be decoded ({reason}): {remedy}.")


def _decode(content: bytes) -> np.ndarray:
    """JPEG through libjpeg-turbo, which refuses damaged data; what it does not know (PNG, ...) through Pillow."""
    try:
        return simplejpeg.decode_jpeg(content, "RGB", strict=True)
    except ValueError:
        with Image.open(io.BytesIO(content)) as image:
            return np.array(image.convert("RGB"))


def require_folder(folder: Path, data_set: str) -> Path:
    """``folder`` itself, if it is there.

    Raises:
        InputError: it is not.
    """
    if not folder.is_dir():
        raise InputError(f"The {data_set} folder {folder} does not exist: set its path in the profile, or with --set.")
    return folder
