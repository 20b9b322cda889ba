"""Lists of images: one ``relative/path label`` line for each."""

from pathlib import Path

import numpy as np

from core.errors import InputError


def read_list(path: Path, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Relative paths (as bytes) and labels of a list of ``relative/path label`` lines.

    Raises:
        InputError: the list is missing or empty, a line is malformed, or a label lies outside ``[0, classes)``.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        raise InputError(
            f"The list {path} cannot be read: name the right folder in the profile, or restore the list."
        ) from None
    fields = [line.rsplit(maxsplit=1) for line in lines]
    for number, (line, parts) in enumerate(zip(lines, fields, strict=True), start=1):
        if len(parts) != 2 or not parts[1].isdigit():
            raise InputError(
                f"{path}, line {number}: found {line.decode(errors='replace')!r}, expected 'relative/path label'."
            )
    if not fields:
        raise InputError(f"The list {path} is empty: expected one 'relative/path label' line for each image.")
    labels = np.array([int(label) for _, label in fields])
    outside = np.flatnonzero(labels >= classes)
    if outside.size:
        raise InputError(
            f"{path}, line {outside[0] + 1}: label {labels[outside[0]]} lies outside [0, {classes}): "
            "correct the list, or the number of classes in the profile."
        )
    return np.array([name for name, _ in fields]), labels
