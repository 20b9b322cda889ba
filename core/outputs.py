"""What a stage computed for every image: named columns in one compressed file, ``.npz``, read without torch.

The file is NumPy's own, without pickled objects; equal columns give equal bytes.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

Columns = Mapping[str, np.ndarray]
LARGEST = 1 << 30  # bytes of all columns of a file, which may come from anywhere


def encoded(columns: Mapping[str, Any], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The file's content.

    Args:
        columns: by name; arrays of numbers, truth values or bytes, or what NumPy makes such of.
        compression: one of :mod:`zipfile`'s.

    Raises:
        TypeError: a column holds anything else.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, values in columns.items():
            column = np.asarray(values)
            if column.dtype.hasobject:
                raise TypeError(f"the column {name} of an output holds Python objects, expected numbers or bytes")
            with archive.open(f"{name}.npy", "w") as part:  # by name: without the time of day
                np.lib.format.write_array(part, column, allow_pickle=False)
    return file.getvalue()


def decoded(content: bytes) -> dict[str, np.ndarray]:
    """The columns of a file.

    Raises:
        ValueError: it is no such file.
    """
    unreadable = (ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as columns:
            size = sum(part.file_size for part in columns.zip.infolist())
            if size > LARGEST:
                raise ValueError(f"{size:,} bytes, more than {LARGEST:,}")
            return {name: columns[name] for name in columns.files}
    except unreadable as error:
        raise ValueError(f"it is no file of columns ({error})") from None


def smallest(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 in the smallest unsigned type that holds them all."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
