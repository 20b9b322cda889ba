"""A small COCO of random valid annotations of every kind, written to disk, and its truth as detections."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.sets.coco.reader import ANNOTATIONS, IMAGES

CLASSES = 3
LARGEST_ID = 2**53 - 1


def random_split(rng: np.random.Generator, category_ids: list[int]) -> dict[str, Any]:
    """One to three images, with annotations and without; ids anywhere, also 0; the first annotation is no crowd."""
    image_ids = _ids(rng, int(rng.integers(1, 4)))
    images = [
        {
            "id": number,
            "file_name": f"image {number}.png",
            "width": int(rng.integers(32, 130)),
            "height": int(rng.integers(32, 130)),
        }
        for number in image_ids
    ]
    annotations = [
        {
            "id": number,
            "category_id": int(rng.choice(category_ids)),
            **_object(rng, images[int(rng.integers(len(images)))], may_be_crowd=place > 0),
        }
        for place, number in enumerate(_ids(rng, int(rng.integers(1, 7))))
    ]
    categories = [{"id": number, "name": f"kind {number}"} for number in category_ids]
    return {"images": images, "annotations": annotations, "categories": categories}


def random_coco(seed: int) -> dict[str, dict[str, Any]]:
    """The splits ``train`` and ``val`` of the same categories."""
    rng = np.random.default_rng(seed)
    category_ids = _ids(rng, CLASSES)
    return {split: random_split(rng, category_ids) for split in ANNOTATIONS}


def write_coco(root: Path, coco: dict[str, dict[str, Any]]) -> None:
    """The annotation files, and images of the sizes that they give."""
    for split, values in coco.items():
        (root / IMAGES[split]).mkdir(parents=True, exist_ok=True)
        for image in values["images"]:
            Image.new("RGB", (image["width"], image["height"])).save(root / IMAGES[split] / image["file_name"])
        write_annotations(root, split, values)


def write_annotations(root: Path, split: str, values: Any) -> None:
    """One annotation file."""
    (root / ANNOTATIONS[split]).parent.mkdir(parents=True, exist_ok=True)
    (root / ANNOTATIONS[split]).write_text(json.dumps(values))


def truth_as_detections(values: dict[str, Any], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Every annotation that is no crowd, found exactly, with a random score."""
    from pycocotools import mask as run_lengths

    sizes = {image["id"]: (image["height"], image["width"]) for image in values["images"]}
    found = []
    for note in values["annotations"]:
        if note.get("iscrowd"):
            continue
        code = note["segmentation"]
        if isinstance(code, list):
            code = run_lengths.merge(run_lengths.frPyObjects(code, *sizes[note["image_id"]]))
        elif isinstance(code["counts"], list):
            code = run_lengths.frPyObjects(code, *sizes[note["image_id"]])
        counts = code["counts"]
        found.append(
            {
                **{key: note[key] for key in ("image_id", "category_id", "bbox")},
                "score": float(rng.random()),
                "segmentation": {
                    "size": list(code["size"]),
                    "counts": counts.decode() if isinstance(counts, bytes) else counts,
                },
            }
        )
    return found


def _ids(rng: np.random.Generator, count: int) -> list[int]:
    """Different ones, in any order: from 0, or large."""
    first = int(rng.choice([0, 1, 7, LARGEST_ID - count]))
    return [first + int(place) for place in rng.permutation(count)]


def _object(rng: np.random.Generator, image: dict[str, Any], may_be_crowd: bool) -> dict[str, Any]:
    from pycocotools import mask as run_lengths

    width, height = image["width"], image["height"]
    wide, high = rng.uniform(3, width), rng.uniform(3, height)
    left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
    if rng.random() < 0.3:  # five points on an ellipse
        angles = np.sort(rng.uniform(0, 2 * np.pi, 5))
        across, down = left + wide * (1 + np.cos(angles)) / 2, top + high * (1 + np.sin(angles)) / 2
    else:
        across, down = left + wide * np.array([0, 1, 1, 0]), top + high * np.array([0, 0, 1, 1])
    polygons = [np.stack([across, down], 1).ravel().round(2).tolist()]
    code = run_lengths.merge(run_lengths.frPyObjects(polygons, height, width))
    if run_lengths.area(code) < 4:
        return _object(rng, image, may_be_crowd)
    kind = rng.choice(["polygons", "plain", "compressed"])
    is_crowd = may_be_crowd and rng.random() < 0.25
    note = {
        "image_id": image["id"],
        "bbox": [round(float(side), 2) for side in (left, top, wide, high)],
        "area": float(run_lengths.area(code)),
        "iscrowd": int(is_crowd),
    }
    if is_crowd and rng.random() < 0.5:
        del note["iscrowd"]
    if kind == "polygons":
        return note | {"segmentation": polygons}
    if kind == "compressed":
        return note | {"segmentation": {"size": [height, width], "counts": code["counts"].decode()}}
    flat = run_lengths.decode(code).ravel(order="F")
    counts = np.diff([0, *np.flatnonzero(np.diff(flat)) + 1, flat.size]).tolist()
    return note | {"segmentation": {"size": [height, width], "counts": [0, *counts] if flat[0] else counts}}
