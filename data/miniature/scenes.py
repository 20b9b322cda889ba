"""Renders items (gray pictures with a black ground) into colour images on photographic backgrounds."""

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance

OPAQUE_FROM = 48  # gray level from which an item hides its background
# By gray level. NumPy looks these up: Pillow would read a list anew, entry by entry, for every picture.
OPACITY = np.minimum(255, np.arange(256) * 255 // OPAQUE_FROM).astype(np.uint8)
HIDES = np.where(OPACITY > 127, 255, 0).astype(np.uint8)


class Box(NamedTuple):
    """A rectangle in pixels, the right and lower edges excluded."""

    left: int
    top: int
    right: int
    bottom: int


class Painter:
    """Paints scenes of one size; all randomness comes from the generator.

    Args:
        photographs: pictures whose pieces become backgrounds.
        rng: draws backgrounds, colours, sizes and places.
    """

    def __init__(self, photographs: Sequence[Image.Image], rng: np.random.Generator) -> None:
        self.photographs = photographs
        self.rng = rng

    def background(self, size: int) -> Image.Image:
        """A square piece of a photograph, at a random scale, darkened at random so that items stand out."""
        photograph = self.photographs[int(self.rng.integers(len(self.photographs)))]
        side = int(self.rng.integers(size, min(photograph.size) // 2))
        left = int(self.rng.integers(photograph.width - side + 1))
        top = int(self.rng.integers(photograph.height - side + 1))
        piece = photograph.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        return ImageEnhance.Brightness(piece).enhance(self.rng.uniform(0.15, 0.6))

    def paint(self, canvas: Image.Image, item: np.ndarray, cell: Box) -> Box:
        """Paint an item in a random colour, size and place within ``cell``; gives the box of its visible part."""
        left, top, shape = self.paint_shape(canvas, item, cell)
        visible = shape.getbbox() or (0, 0, *shape.size)
        return Box(left + visible[0], top + visible[1], left + visible[2], top + visible[3])

    def paint_shape(self, canvas: Image.Image, item: np.ndarray, cell: Box) -> tuple[int, int, Image.Image]:
        """The same; gives left and top of a mask, and the mask: 255 where the item hides its background."""
        room = min(cell.right - cell.left, cell.bottom - cell.top)
        side = int(self.rng.integers(int(0.75 * room), room + 1))
        left = cell.left + int(self.rng.integers(cell.right - cell.left - side + 1))
        top = cell.top + int(self.rng.integers(cell.bottom - cell.top - side + 1))
        gray = Image.fromarray(item).resize((side, side), Image.Resampling.BILINEAR)
        if self.rng.random() < 0.5:
            gray = gray.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        levels = np.asarray(gray)
        canvas.paste(self._colourise(levels), (left, top), Image.fromarray(OPACITY[levels]))
        return left, top, Image.fromarray(HIDES[levels])

    def _colourise(self, levels: np.ndarray) -> Image.Image:
        colour = colorsys.hsv_to_rgb(self.rng.random(), self.rng.uniform(0.1, 0.9), self.rng.uniform(0.5, 1.0))
        shade = levels.astype(np.float32)[..., None] / 255 * 0.75 + 0.25
        return Image.fromarray((255 * shade * np.array(colour, np.float32)).astype(np.uint8))
