"""Pictures that a stage leaves in its folder for people to look at; a report shows them, nothing computes with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.files import write_json, written_atomically

EXHIBITS_FILE = "exhibits.json"
CURVES_FILE = "curves.json"  # of a job that trains: the means of every epoch


@dataclass(frozen=True)
class Exhibit:
    """A picture with what is to be said about it.

    Attributes:
        group: which pictures it belongs with, such as ``corrected``.
        image: uint8 ``[height, width, 3]``, RGB.
        caption: one line.
        details: plain JSON values behind the caption (scores, labels, the hidden truth).
    """

    group: str
    image: np.ndarray
    caption: str
    details: Mapping[str, Any]


def write_exhibits(folder: Path, exhibits: Sequence[Exhibit]) -> None:
    """Write the pictures as JPEG below ``folder/exhibits``, then their list, ``exhibits.json``, atomically."""
    entries = []
    for number, exhibit in enumerate(exhibits):
        name = f"exhibits/{number:04d}.jpg"
        with written_atomically(folder / name) as file:
            Image.fromarray(exhibit.image).save(file, "JPEG", quality=90)
        entries.append(
            {"group": exhibit.group, "image": name, "caption": exhibit.caption, "details": dict(exhibit.details)}
        )
    write_json(folder / EXHIBITS_FILE, entries)
