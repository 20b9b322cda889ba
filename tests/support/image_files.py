"""Image files that tests damage."""

import base64
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from data.images import ImageFile
from data.jpeg_structure import SCAN, segments
from data.miniature.sources import photographs

# 32 x 24 pixels of a photograph: no encoder here writes these two kinds.
ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqm"
    "x5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/yQARCAAYACAD"
    "ASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwDQp4U7x6V0gCqkLXuy0/s0VD9ZAXoIYSQuTNBUi/jM3N98OSYe69IxVJWU20iLGZRa"
    "PgJBT+r83pBrVxBth4TII286EkEf43Blu/8AZj3C8WQh5hnkKcUdi/8AJb53CeM6SopSq5cGzD3EyyA0v9ticDcBO4zWynBuYpZfcvO0gP/Z"
)
SAMPLED_4X2 = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqm"
    "x5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAYACAD"
    "AUIAAhEBAxEB/8QAGQAAAgMBAAAAAAAAAAAAAAAAAAQBAwUC/8QAJBAAAQMCBgIDAAAAAAAAAAAAAQACAwQxBRESEyFBUZEUUnH/xAAVAQEBAAAA"
    "AAAAAAAAAAAAAAADBP/EABkRAAMBAQEAAAAAAAAAAAAAAAABAhExEv/aAAwDAQACEQMRAD8AaxQmKVx+1lmthfIczZXspgLAelZsjsA/oTzHRYtS"
    "Ne3iRtx20pfa2zpcMiFPCFFbaeFs8MaGeamkFRC7J1nDytqmxekq26akCKQdmyaNIHjVFI1wNlx8OXwPaEIQm8quh23L1H//2Q=="
)


@cache
def photograph() -> Image.Image:
    """160 x 120 pixels."""
    return photographs()[0].resize((160, 120))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@cache
def jpegs() -> dict[str, bytes]:
    """The same photograph in every way that an encoder here has."""
    photo = photograph()
    return {
        "baseline": saved(photo, "JPEG"),
        "optimised": saved(photo, "JPEG", optimize=True, subsampling=0),
        "restarts": saved(photo, "JPEG", restart_marker_blocks=9),
        "progressive": saved(photo, "JPEG", progressive=True),
        "gray": saved(photo.convert("L"), "JPEG"),
        "CMYK": saved(photo.convert("CMYK"), "JPEG"),
        "sampled 4x2": SAMPLED_4X2,
    }


def opened(content: bytes) -> ImageFile:
    """As a data set opens it."""
    return ImageFile.opened(lambda: content, Path("a.jpg"), Path("list.txt"))


def pixels(content: bytes, reduction: float = 1) -> np.ndarray:
    """As a data set reads them."""
    return opened(content).pixels(reduction)


def refused(content: bytes, *parts: str, reduction: float = 1) -> None:
    """Assert that the image gets one sentence, with these parts."""
    with pytest.raises(InputError) as error:
        pixels(content, reduction)
    sentence = error.value.sentence
    assert all(part in sentence for part in ("a.jpg", "list.txt", *parts)), sentence
    assert sentence.endswith(".") and "\n" not in sentence


def scans(content: bytes) -> list[tuple[int, int]]:
    """Where the data of each scan begin and end."""
    places: list[tuple[int, int]] = []
    for part in segments(content):
        if part.marker == SCAN:
            start = content.index(part.parameters + part.data, places[-1][1] if places else 0) + len(part.parameters)
            places.append((start, start + len(part.data)))
    return places


DAMAGES: dict[str, Callable[[bytes, int, bytes], bytes]] = {
    "overwritten": lambda content, at, other: content[:at] + other + content[at + len(other) :],
    "removed": lambda content, at, other: content[:at] + content[at + len(other) :],
    "inserted": lambda content, at, other: content[:at] + other + content[at:],
    "flipped": lambda content, at, other: content[:at] + bytes([content[at] ^ 1 << other[0] % 8]) + content[at + 1 :],
}
