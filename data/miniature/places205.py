"""The writer of the miniature's scenes, in Places205's folder structure: a class is one photograph.

Training images are pieces of its left half, validation images of its right half: no pixel is in both.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageEnhance

from data.miniature.config import Places205Part
from data.miniature.writers import save, write_lines
from data.sets.places205.reader import IMAGES, LISTS


def write_places205(
    folder: Path, part: Places205Part, scenes: Mapping[str, Image.Image], size: int, rng: np.random.Generator
) -> int:
    """``trainvalsplit_places205/{train,val}_places205.csv`` and the images; gives the number of images.

    Args:
        folder: of the data set.
        part: how many images there are.
        scenes: photographs by name; class i is the i-th name in sorted order.
        size: side of the images, in pixels.
        rng: draws the pieces.
    """
    names = sorted(scenes)
    for split, images in (("train", part.images), ("val", part.validation_images)):
        lines = []
        for number in range(images):
            label = number % len(names)
            name = names[label]
            path = f"{name[0]}/{name}/{split}_{number:06d}.jpg"
            save(_piece(_half(scenes[name], split), size, rng), folder / IMAGES / path)
            lines.append(f"{path} {label}")
        write_lines(folder / LISTS / f"{split}_places205.csv", lines)
    return part.images + part.validation_images


def _half(photograph: Image.Image, split: str) -> Image.Image:
    middle = photograph.width // 2
    left, right = (0, middle) if split == "train" else (middle, photograph.width)
    return photograph.crop((left, 0, right, photograph.height))


def _piece(half: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """A square piece at a random place and scale, mirrored or not, tinted if gray, with random brightness."""
    side = int(rng.integers(size, min(half.size) + 1))
    left = int(rng.integers(half.width - side + 1))
    top = int(rng.integers(half.height - side + 1))
    piece = half.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    if rng.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if piece.mode == "L":
        tint = tuple(int(level) for level in rng.integers(128, 256, 3))
        piece = ImageChops.multiply(piece.convert("RGB"), Image.new("RGB", (size, size), tint))
    return ImageEnhance.Brightness(piece).enhance(rng.uniform(0.5, 1.2))
