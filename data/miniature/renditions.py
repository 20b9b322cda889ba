"""The miniature's ImageNet-R: items that no other data set shows, in four synthetic styles.

The real data set holds drawings, toys, graffiti and the like, made by people; these renditions are computed.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from data.miniature.classes import IMAGENET_CLASSES
from data.miniature.writers import Studio, save, single_item

LEFT_OUT = ("sandal", "shirt")  # as the real one, it covers only some of ImageNet's classes
LABELS = tuple(label for label, kind in enumerate(IMAGENET_CLASSES) if kind.name not in LEFT_OUT)
DOT_CELL = 3  # pixels between the centres of two halftone dots
FINER = 4  # dots are drawn at this multiple of the image's size
VISIBLE_FROM = 24  # gray level of a painted item's pixels, on black


def write_imagenet_r(folder: Path, images: int, studio: Studio) -> int:
    """``<synset>/<style>_<number>.jpg``, classes and styles by turns."""
    for number in range(images):
        turn, place = divmod(number, len(LABELS))
        label, (style, render) = LABELS[place], STYLES[turn % len(STYLES)]
        save(render(label, studio), folder / IMAGENET_CLASSES[label].synset / f"{style}_{number}.jpg")
    return images


def _edges(label: int, studio: Studio) -> Image.Image:
    """Dark lines on white where the brightness changes."""
    gray = np.asarray(single_item(label, studio).convert("L"))
    return Image.fromarray(255 - cv2.Canny(gray, 60, 120)).convert("RGB")


def _silhouette(label: int, studio: Studio) -> Image.Image:
    """The item's outline filled with one colour, on another."""
    painter = studio.painter
    shape = Image.new("RGB", (studio.size, studio.size))
    painter.paint(shape, studio.items.take(IMAGENET_CLASSES[label]), studio.whole)
    mask = shape.convert("L").point([255 * (level >= VISIBLE_FROM) for level in range(256)])
    dark, light = (tuple(painter.rng.integers(low, low + 100, 3).tolist()) for low in (0, 156))
    return Image.composite(Image.new("RGB", shape.size, dark), Image.new("RGB", shape.size, light), mask)


def _halftone(label: int, studio: Studio) -> Image.Image:
    """Black dots on white, larger where the image is darker."""
    gray = ImageOps.autocontrast(single_item(label, studio).convert("L"))
    cells = -(-studio.size // DOT_CELL)
    darkness = 1 - np.asarray(gray.resize((cells, cells), Image.Resampling.BOX), np.float32) / 255
    cell = DOT_CELL * FINER
    offset = np.arange(cell) - (cell - 1) / 2
    distance = np.hypot(*np.meshgrid(offset, offset))
    radius = np.sqrt(darkness / np.pi) * cell  # a dot covers as much of its cell as is dark
    dots = distance[None, :, None, :] < radius[:, None, :, None]
    fine = Image.fromarray(np.where(dots, 0, 255).astype(np.uint8).reshape(cells * cell, cells * cell))
    coarse = fine.resize((cells * DOT_CELL, cells * DOT_CELL), Image.Resampling.BOX)
    return coarse.crop((0, 0, studio.size, studio.size)).convert("RGB")


def _inversion(label: int, studio: Studio) -> Image.Image:
    """Every colour replaced by its complement."""
    return ImageOps.invert(single_item(label, studio))


STYLES: tuple[tuple[str, Callable[[int, Studio], Image.Image]], ...] = (
    ("edges", _edges),
    ("silhouette", _silhouette),
    ("halftone", _halftone),
    ("inversion", _inversion),
)
