"""A data set as a table: relative paths and labels, and the one place where an image file is opened."""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import InputError
from core.files import read_whole
from data import identity, jpeg, rasters
from data.image_errors import ImageContentError
from data.paths import Paths
from data.shards import Shards

# What Pillow raises for a file that is no whole image.
DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, UserWarning)

REMEDY = "fetch it again"
PIXELS = 89_478_485  # a quarter of a gibibyte of RGB, from where on Pillow warns of a bomb; no photograph comes near
REDUCTIONS = (1, 2, 4, 8)  # whose decoding libjpeg-turbo has fast code for


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
        numbers: the data set's own numbers of the classes, where these are only some of its; None where they are all.
        names_sha256: of the file that says more of the images than paths and labels do; None where these are all.
    """

    root: Path
    paths: Paths
    labels: np.ndarray
    classes: int
    source: Path
    shards: Shards | None = None
    remedy: str = REMEDY
    numbers: tuple[int, ...] | None = None
    names_sha256: str | None = None

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
        return read_whole(os.path.join(os.fsencode(self.root), path))

    def open(self, index: int) -> "ImageFile":
        """Image ``index``, not decoded yet.

        Raises:
            InputError: the file is missing, or is no image.
        """
        place = self.root / self.paths[index].decode(errors="replace")
        missing = "does not exist" if self.shards is None else "is in none of the shards"
        return ImageFile.opened(lambda: self.content(index), place, self.source, missing, self.remedy)

    def decode(self, index: int) -> np.ndarray:
        """Image ``index`` as 8-bit RGB, ``[height, width, 3]``.

        Raises:
            InputError: the file is missing, or is not a whole image (a truncated one is refused, never padded).
        """
        return self.open(index).pixels()

    def subset(self, rows: np.ndarray) -> "ImageTable":
        """The images of some rows, in that order."""
        return replace(self, paths=self.paths[rows], labels=self.labels[rows])

    def fingerprint(self) -> dict[str, object]:
        """What identifies the split in a record: its size, a digest of every path and label, in order, its content.

        Of the content, a sample is read (:mod:`data.identity`), once.
        """
        return dict(self._fingerprint)

    @cached_property
    def _fingerprint(self) -> dict[str, object]:
        names = {"images": len(self), "classes": self.classes, "sha256": self.names_sha256 or self._digest_of_names()}
        return names | identity.content_of(len(self), self._opened)

    def _digest_of_names(self) -> str:
        digest = hashlib.sha256()
        for number, path in enumerate(self.paths):
            digest.update(b"\n" + path if number else path)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        return digest.hexdigest()

    def _opened(self, index: int) -> identity.Opened | None:
        try:
            image = self.open(index)
        except InputError:
            return None
        return identity.Opened(image.content, image.width, image.height)


@dataclass(frozen=True)
class ImageFile:
    """The content of an image file, of which the size is known; whatever is wrong with it is said in a sentence.

    Attributes:
        content: the file's bytes.
        width, height: in pixels.
        place: the image, for errors.
        source: the file or folder that names it, for errors.
        remedy: what the user can do about an image that is broken, for errors.
    """

    content: bytes
    width: int
    height: int
    place: Path
    source: Path
    remedy: str

    @classmethod
    def opened(
        cls,
        read: Callable[[], bytes],
        place: Path,
        source: Path,
        missing: str = "does not exist",
        remedy: str = REMEDY,
    ) -> "ImageFile":
        """An image that ``source`` names.

        Args:
            read: gives its bytes.
            place, source, remedy: as the attributes.
            missing: what to say where there is no such image.

        Raises:
            InputError: it is missing, or is no image.
        """
        with _explained(place, source, remedy):
            try:
                content = read()
            except FileNotFoundError:
                raise InputError(f"{source} names the image {place}, which {missing}: {remedy}.") from None
            return cls(content, *_size(content), place, source, remedy)

    def pixels(self, reduction: float = 1) -> np.ndarray:
        """8-bit RGB, ``[height, width, 3]``.

        Args:
            reduction: up to which factor it may be decoded smaller, as JPEG allows for 2, 4 and 8 (a side that the
                factor does not divide is rounded up).

        Raises:
            InputError: it is not a whole image.
        """
        with _explained(self.place, self.source, self.remedy):
            if not jpeg.is_jpeg(self.content):
                return rasters.decode(self.content)
            factor = max(factor for factor in REDUCTIONS if factor <= max(1, reduction))
            return jpeg.decode(self.content, -(-self.width // factor), -(-self.height // factor))


@contextmanager
def _explained(place: Path, source: Path, remedy: str) -> Iterator[None]:
    """Say of any error in the block that the image cannot be decoded."""
    advice = None
    try:
        yield
        return
    except Image.UnidentifiedImageError:
        reason = f"it is no image in JPEG, {', '.join(rasters.FORMATS)}"
    except ImageContentError as refusal:
        reason, advice = str(refusal), refusal.advice
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason, advice = f"its header claims more than the {PIXELS:,} pixels that are taken", "scale it down"
    except MemoryError:
        reason, advice = "there is not enough memory for its pixels", "load with fewer workers"
    except DECODING_ERRORS as error:
        reason = " ".join(str(error).split())
    remedies = f"{advice}, or {remedy}" if advice else remedy
    raise InputError(f"The image {place} (named in {source}) cannot be decoded ({reason}): {remedies}.")


def _size(content: bytes) -> tuple[int, int]:
    """Width and height, small enough to decode."""
    width, height = jpeg.size(content) if jpeg.is_jpeg(content) else rasters.size(content)
    if width * height > PIXELS:
        raise ImageContentError(
            f"its header claims {width:,} x {height:,} pixels, at most {PIXELS:,} are taken", "scale it down"
        )
    return width, height


def require_folder(folder: Path, data_set: str) -> Path:
    """``folder`` itself, if it is there.

    Raises:
        InputError: it is not.
    """
    if not folder.is_dir():
        raise InputError(
            f"The {data_set} folder {folder} does not exist: name the right one, in the profile, with --set or --on."
        )
    return folder
