"""The writer of the miniature's COCO: canvases of several items whose masks are known, because they were painted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.miniature.classes import COCO_CLASSES
from data.miniature.config import COCOPart
from data.miniature.scenes import Box
from data.miniature.writers import Studio, save
from data.sets.coco.reader import ANNOTATIONS, IMAGES

LARGE, SMALL, EMPTY = 0.4, 0.4, 0.2  # how often a quarter of a canvas holds one large item, some small ones, or none


def write_coco(folder: Path, part: COCOPart, studio: Studio) -> int:
    """``annotations/instances_{train,val}2017.json``, ``train2017/``, ``val2017/``; gives the number of images.

    Categories are numbered from 1, masks are run-length codes that are exact to the pixel, and no two items overlap.
    """
    for split, images in (("train", part.images), ("val", part.validation_images)):
        entries: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number in range(1, images + 1):
            name = f"{number:012d}.jpg"
            canvas, items = _canvas(part.canvas, studio)
            save(canvas, folder / IMAGES[split] / name)
            entries.append({"id": number, "file_name": name, "width": canvas.width, "height": canvas.height})
            annotations += [
                {"id": len(annotations) + count, "image_id": number, **_annotation(label, mask)}
                for count, (label, mask) in enumerate(items, start=1)
            ]
        categories = [{"id": label, "name": kind.name} for label, kind in enumerate(COCO_CLASSES, start=1)]
        path = folder / ANNOTATIONS[split]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"images": entries, "annotations": annotations, "categories": categories}))
    return part.images + part.validation_images


def _canvas(size: int, studio: Studio) -> tuple[Image.Image, list[tuple[int, np.ndarray]]]:
    """A canvas of four quarters, and its items: label, and mask as booleans ``[height, width]``."""
    painter, rng = studio.painter, studio.painter.rng
    canvas = painter.background(size)
    items = []
    for place in _places(size // 2, rng):
        label = int(rng.integers(len(COCO_CLASSES)))
        left, top, shape = painter.paint_shape(canvas, studio.items.take(COCO_CLASSES[label]), place)
        mask = np.zeros((canvas.height, canvas.width), bool)
        mask[top : top + shape.height, left : left + shape.width] = np.asarray(shape) > 0
        items.append((label, mask))
    return canvas, items


def _places(quarter: int, rng: np.random.Generator) -> list[Box]:
    """Where the items go, at least one: a whole quarter, or two of the four cells of one."""
    half = quarter // 2
    places: list[Box] = []
    while not places:
        for row, column in np.ndindex(2, 2):
            left, top = column * quarter, row * quarter
            kind = rng.choice(3, p=(LARGE, SMALL, EMPTY))
            if kind == 0:
                places.append(Box(left, top, left + quarter, top + quarter))
            elif kind == 1:
                for cell in rng.choice(4, 2, replace=False):
                    x, y = left + half * (int(cell) % 2), top + half * (int(cell) // 2)
                    places.append(Box(x, y, x + half, y + half))
    return places


def _annotation(label: int, mask: np.ndarray) -> dict[str, Any]:
    """What COCO says about an item; the counts run down the columns and begin with the ground."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *changes, flat.size]).tolist()
    return {
        "category_id": label + 1,
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts},
    }
