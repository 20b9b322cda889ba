"""COCO's segmentations: whether they are well-formed, how far they reach, whether they hold a pixel.

A segmentation is a list of polygons ``[x1, y1, x2, y2, ...]``, or run-length codes ``{"size": [height, width],
"counts": ...}`` down the columns, which begin with the ground: plain numbers, or pycocotools' compressed string.
"""

from collections.abc import Sequence
from operator import mul
from typing import Any

from core.errors import InputError
from core.extras import how_to_install

LARGEST = 1e12  # beyond any coordinate, side or area; a number that is not finite isn't below it
FEWEST_NUMBERS = 6  # of a polygon: three points; pycocotools takes four numbers for a box
ROUNDING = 1e-6  # pixels of area that are none
BITS = 5  # that a letter of compressed codes holds, beside one that says whether it goes on
FIRST_LETTER = ord("0")


def is_number(value: Any) -> bool:
    """Whether it is a finite number of a sensible size; True and False are none."""
    return type(value) in (int, float) and -LARGEST < value < LARGEST


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether each is; the same as :func:`is_number`, faster."""
    if not {int, float}.issuperset(map(type, values)) or not -LARGEST < min(values) <= max(values) < LARGEST:
        return False
    return abs(sum(values)) < float("inf")  # min and max pass over NaN


def is_polygons(segmentation: Any) -> bool:
    """Whether it is a list of at least one polygon of three points or more."""
    return (
        type(segmentation) is list
        and len(segmentation) > 0
        and all(
            type(polygon) is list and len(polygon) >= FEWEST_NUMBERS and len(polygon) % 2 == 0 and are_numbers(polygon)
            for polygon in segmentation
        )
    )


def run_lengths(segmentation: Any, width: int, height: int) -> list[int] | None:
    """The counts of run-length codes of an image of that size; None if it is anything else."""
    size = segmentation.get("size") if type(segmentation) is dict else None
    if size != [height, width] or not {int}.issuperset(map(type, size)):
        return None
    counts = segmentation.get("counts")
    if type(counts) is str:
        counts = _decompressed(counts)
    if type(counts) is not list or not {int}.issuperset(map(type, counts)):
        return None
    return counts if min(counts, default=-1) >= 0 and sum(counts) == width * height else None


def _decompressed(letters: str) -> list[int] | None:
    """The counts that pycocotools has written as letters: from the third on, as differences to the last but one."""
    counts: list[int] = []
    value = shift = 0
    for letter in letters:
        code = ord(letter) - FIRST_LETTER
        if not 0 <= code < 1 << BITS + 1 or shift > 60:
            return None
        value |= (code & (1 << BITS) - 1) << shift
        shift += BITS
        if code >> BITS:
            continue
        if value >> shift - 1:  # the highest bit is the sign
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return None if shift else counts


def are_inside(polygons: Sequence[Sequence[float]], width: int, height: int, tolerance: float) -> bool:
    """Whether no point lies further outside an image than the tolerance, in pixels."""
    return all(
        -tolerance <= min(polygon)
        and max(polygon[0::2]) <= width + tolerance
        and max(polygon[1::2]) <= height + tolerance
        for polygon in polygons
    )


def hold_a_pixel(polygons: Sequence[list[float]], width: int, height: int) -> bool:
    """Whether the mask that pycocotools makes of polygons is not empty; only thin and tiny ones are drawn for it.

    Raises:
        InputError: pycocotools is needed, and not installed.
    """
    return any(_is_thick(polygon) for polygon in polygons) or _drawn_pixels(polygons, width, height) > 0


def enclose_something(polygons: Sequence[list[float]]) -> bool:
    """Whether the points of a polygon are not all on one line."""
    return any(_enclosed(polygon) > ROUNDING for polygon in polygons)


def _is_thick(polygon: list[float]) -> bool:
    """Whether it covers more than its bounding box has sides, in pixels, of which there must be three each way."""
    across, down = polygon[0::2], polygon[1::2]
    wide, high = max(across) - min(across), max(down) - min(down)
    return min(wide, high) >= 3 and _enclosed(polygon) >= wide + high


def _enclosed(polygon: list[float]) -> float:
    """Its area, in pixels."""
    across, down = polygon[0::2], polygon[1::2]
    return abs(sum(map(mul, across, down[1:] + down[:1])) - sum(map(mul, across[1:] + across[:1], down))) / 2


def _drawn_pixels(polygons: Sequence[list[float]], width: int, height: int) -> int:
    try:
        from pycocotools import mask
    except ImportError:
        raise InputError(
            "Checking COCO's masks needs the package pycocotools, which is not installed: "
            f"{how_to_install('pycocotools')}."
        ) from None
    return int(mask.area(mask.merge(mask.frPyObjects(polygons, height, width))))
