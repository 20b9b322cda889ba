"""What a split of COCO must satisfy, written down once: verification, training and evaluation ask here.

Two annotations of COCO's own training split have a box of height 0 and a polygon that encloses nothing; it is accepted
there, where mmdet leaves it out. A polygon so small that no pixel lies in it is accepted in both splits, as published
evaluators count it: as never found. Neither counts as usable.
"""

import os
import reprlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.sets.coco.instances import Instances
from data.sets.coco.masks import (
    are_inside,
    are_numbers,
    enclose_something,
    hold_a_pixel,
    is_number,
    is_polygons,
    run_lengths,
)

LARGEST_ID = 2**53 - 1
LONGEST_SIDE = 65_535  # of a JPEG
SHORTEST_SIDE_TRAINED_ON = 32  # pixels; mmdet leaves out images with a shorter one
TOLERANCE = 1.0  # pixels by which a box or a polygon may stick out
SMALLEST_SIDE = 1e-3  # pixels; a box with a shorter one cannot be matched
TINY = 10  # pixels of area, below which a mask may come out without any
SHOWN = 3  # faults of a kind that a sentence names
FIX = "correct them, or fetch the file again"

Size = tuple[int, int]  # width, height
Problem = tuple[str, Any]  # its kind, as a sentence has it after "n annotations ", and the value found


@dataclass
class Faults:
    """Faults of one file by kind, one sentence for each kind.

    Attributes:
        source: the file.
        found: for each kind, what it is about and the value found.
    """

    source: Path
    found: dict[tuple[str, str], list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def note(self, things: str, place: str, problems: Iterable[Problem]) -> None:
        """Keep the problems of one thing, such as ``id 7`` of the ``annotations``."""
        for kind, value in problems:
            self.found[things, kind].append((place, value))

    def sentences(self) -> list[str]:
        """One for each kind, with its first few things and how many there are."""
        return [
            f"{self.source} has {len(places):,} {things} {kind} ({_listed(places)}): {FIX}."
            for (things, kind), places in self.found.items()
        ]


def annotation_faults(instances: Instances, *, for_training: bool) -> list[str]:
    """What is wrong with an annotation file, one sentence for each kind of fault.

    Args:
        instances: its content.
        for_training: whether images and annotations must do for training, or for evaluation.
    """
    faults = Faults(instances.path)
    images, categories, annotations = instances.images, instances.categories, instances.annotations
    sizes: dict[int, Size | None] = {}
    for number, image in enumerate(images):
        faults.note("images", _name(image, number), _image_problems(image))
        if is_id(image.get("id")):
            sizes[image["id"]] = (image["width"], image["height"]) if is_image(image) else None
    for number, category in enumerate(categories):
        faults.note("categories", _name(category, number), _category_problems(category))
    known = {category["id"] for category in categories if is_id(category.get("id"))}
    for number, note in enumerate(annotations):
        faults.note("annotations", _name(note, number), _annotation_problems(note, sizes, known, for_training))
    _note_repeated(faults, "images", images, "id", "file_name")
    _note_repeated(faults, "categories", categories, "id", "name")
    _note_repeated(faults, "annotations", annotations, "id")
    return faults.sentences() or _nothing_usable(instances, sizes, for_training)


def is_id(value: Any) -> bool:
    """Whether it is an integer from 0 to the largest that all readers of JSON keep; True and False are none."""
    return type(value) is int and 0 <= value <= LARGEST_ID


def is_image(image: Mapping[str, Any]) -> bool:
    """Whether nothing is wrong with what the file says about an image."""
    return not any(_image_problems(image))


def _image_problems(image: Mapping[str, Any]) -> Iterator[Problem]:
    if not is_id(image.get("id")):
        yield f"whose id is no integer from 0 to {LARGEST_ID:,}", image.get("id")
    if not names_a_file(image.get("file_name")):
        yield "whose file_name cannot be the name of a file", image.get("file_name")
    for side in ("width", "height"):
        if type(image.get(side)) is not int or not 1 <= image[side] <= LONGEST_SIDE:
            yield f"whose {side} is no integer from 1 to {LONGEST_SIDE:,}", image.get(side)


def names_a_file(value: Any) -> bool:
    """Whether it is a text that can be the name of a file."""
    try:
        return type(value) is str and value != "" and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _category_problems(category: Mapping[str, Any]) -> Iterator[Problem]:
    if not is_id(category.get("id")):
        yield f"whose id is no integer from 0 to {LARGEST_ID:,}", category.get("id")
    if type(category.get("name")) is not str:
        yield "whose name is no text", category.get("name")


def _annotation_problems(
    note: Mapping[str, Any], sizes: Mapping[int, Size | None], categories: Collection[int], for_training: bool
) -> Iterator[Problem]:
    image, category = note.get("image_id"), note.get("category_id")
    if not is_id(image) or image not in sizes:
        yield "with an image_id which is none of its images", image
        image = None
    if not is_id(category) or category not in categories:
        yield "with a category_id which is none of its categories", category
    if not is_id(note.get("id")):
        yield f"whose id is no integer from 0 to {LARGEST_ID:,}", note.get("id")
    if type(note.get("iscrowd", 0)) not in (int, bool) or note.get("iscrowd", 0) not in (0, 1):
        yield "whose iscrowd is neither 0 nor 1", note["iscrowd"]
    box = note.get("bbox")
    if type(box) is not list or len(box) != 4 or not are_numbers(box) or min(box[2:]) < 0:
        yield "whose bbox is not four finite numbers with a width and a height that are not negative", box
        box = None
    elif not for_training and min(box[2:]) < SMALLEST_SIDE:
        yield "whose bbox has no width or no height, so that no detection can match it", box
    if not is_number(note.get("area")) or note["area"] < 0:
        yield "whose area is not a finite number from 0 on", note.get("area")
    size = None if image is None else sizes[image]
    if size is None:
        return
    width, height = size
    if box is not None and not _is_inside(box, width, height):
        yield "whose bbox is not inside its image", {"bbox": box, "width": width, "height": height}
    if is_number(note.get("area")) and note["area"] > (width + 2 * TOLERANCE) * (height + 2 * TOLERANCE):
        yield "whose area is larger than its image", note["area"]
    yield from _mask_problems(note, box, width, height, for_training)


def _mask_problems(
    note: Mapping[str, Any], box: list[float] | None, width: int, height: int, for_training: bool
) -> Iterator[Problem]:
    mask: Any = note.get("segmentation")
    if is_polygons(mask):
        if not are_inside(mask, width, height, TOLERANCE):
            yield "whose polygons are not inside their image", {"polygons": mask, "width": width, "height": height}
            return
    else:
        counts = run_lengths(mask, width, height)
        if counts is None:
            expected = "neither polygons of three points or more nor run-length codes of its image's height and width"
            yield f"whose segmentation is {expected}", {"segmentation": mask, "image": [height, width]}
            return
        if not note.get("iscrowd") and 0 in counts[1:-1]:
            yield "whose run-length codes have runs of no pixel, which evaluators stop at", counts
            return
    is_tiny = box is None or min(box[2:]) < 1 or not is_number(note.get("area")) or note["area"] < TINY
    is_accepted = is_tiny and is_polygons(mask) and (for_training or enclose_something(mask))
    if not is_accepted and not note.get("iscrowd") and not _has_a_pixel(note, width, height):
        yield "whose segmentation holds no pixel", mask


def _has_a_pixel(note: Mapping[str, Any], width: int, height: int) -> bool:
    mask = note["segmentation"]
    if is_polygons(mask):
        return hold_a_pixel(mask, width, height)
    counts = run_lengths(mask, width, height)
    return counts is not None and any(counts[1::2])


def _is_inside(box: list[float], width: int, height: int) -> bool:
    left, top, wide, high = box
    return min(left, top) >= -TOLERANCE and left + wide <= width + TOLERANCE and top + high <= height + TOLERANCE


def _nothing_usable(instances: Instances, sizes: Mapping[int, Size | None], for_training: bool) -> list[str]:
    """A sentence if no annotation, each of which is well-formed, is trained on or evaluated with."""
    reasons: Counter[str] = Counter()
    for note in instances.annotations:
        width, height = sizes[note["image_id"]] or (0, 0)
        reason = _why_unusable(note, width, height, for_training)
        if reason is None:
            return []
        reasons[reason] += 1
    purpose = "train on" if for_training else "evaluate with"
    listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common()) or "it has none at all"
    return [
        f"{instances.path} has no annotation to {purpose} ({listed}): fetch it again, or annotate at least one object."
    ]


def _why_unusable(note: Mapping[str, Any], width: int, height: int, for_training: bool) -> str | None:
    """Why a well-formed annotation is not trained on, or not evaluated with; None where it is."""
    left, top, wide, high = note["bbox"]
    is_outside = min(left + wide, width) <= max(left, 0) or min(top + high, height) <= max(top, 0)
    if note.get("iscrowd"):
        return "crowds"
    if for_training and note.get("ignore"):
        return "to be ignored"
    if for_training and min(width, height) < SHORTEST_SIDE_TRAINED_ON:
        return f"in images with a side under {SHORTEST_SIDE_TRAINED_ON} pixels, which training leaves out"
    if for_training and (min(wide, high) < 1 or note["area"] <= 0 or is_outside):
        return "of less than a pixel"
    return None if _has_a_pixel(note, width, height) else "with a mask without a pixel"


def _note_repeated(faults: Faults, things: str, owners: Sequence[Mapping[str, Any]], *keys: str) -> None:
    """Note the values of some keys that a former one of the owners has already."""
    for key in keys:
        seen = set()
        for number, owner in enumerate(owners):
            value = owner.get(key)
            if type(value) not in (int, str):
                continue
            if value in seen:
                faults.note(things, _name(owner, number), [(f"whose {key} another one has", value)])
            seen.add(value)


def _name(thing: Mapping[str, Any], number: int) -> str:
    return f"id {thing['id']}" if is_id(thing.get("id")) else f"entry {number}"


def _listed(places: list[tuple[str, Any]]) -> str:
    shown = "; ".join(f"{place}: {reprlib.repr(value)}" for place, value in places[:SHOWN])
    return shown + ("; ..." if len(places) > SHOWN else "")
