"""A data set as a table: relative paths and labels, and the one place where an image file is opened."""

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from core.errors import InputError


@dataclass(frozen=True, eq=False)
class ImageTable:
    """The images of one split of a data set.

    Attributes:
        root: the folder that the paths are relative to.
        paths: ``[n]`` relative paths as bytes, one compact array that loader workers share without copying.
        labels: ``[n]`` class indices, or ``[n, classes]`` with 1 where a class is present (multi-label data sets).
        classes: how many classes there are.
        source: the file or folder the table was read from, to be named in errors.
    """

    root: Path
    paths: np.ndarray
    labels: np.ndarray
    classes: int
    source: Path

    def __len__(self) -> int:
        return len(self.paths)

    def decode(self, index: int) -> np.ndarray:
        """Image ``index`` as 8-bit RGB, ``[height, width, 3]``.

        Raises:
            InputError: the file is missing, or is not a whole image (a truncated one is refused, never padded).
        """
        return read_image(self.root / self.paths[index].decode(), self.source)

    def subset(self, rows: np.ndarray) -> "ImageTable":
        """The images of some rows, in that order."""
        return replace(self, paths=self.paths[rows], labels=self.labels[rows])

    def fingerprint(self) -> dict[str, object]:
        """What identifies the split in a record: its size and a digest of every path and label, in order."""
        digest = hashlib.sha256(b"\n".join(self.paths.tolist()))
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        return {"images": len(self), "classes": self.classes, "sha256": digest.hexdigest()}


def read_image(path: Path, source: Path) -> np.ndarray:
    """An image file that ``source`` names, as 8-bit RGB, ``[height, width, 3]``.

    Raises:
        InputError: the file is missing, or is not a whole image.
    """
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{source} names the image {path}, which does not exist: restore the file or its data set."
        ) from None
    except OSError as error:
        raise InputError(f"The image {path} (named in {source}) cannot be decoded ({error}): fetch it again.") from None


def _decode(content: bytes) -> np.ndarray:
    """JPEG through libjpeg-turbo, which refuses damaged data; what it does not know (PNG, ...) through Pillow."""
    try:
        return simplejpeg.decode_jpeg(content, "RGB", strict=True)
    except ValueError:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))


def require_folder(folder: Path, data_set: str) -> Path:
    """``folder`` itself, if it is there.

    Raises:
        InputError: it is not.
    """
    if not folder.is_dir():
        raise InputError(f"The {data_set} folder {folder} does not exist: set its path in the profile, or with --set.")
    return folder
