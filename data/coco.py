"""COCO's layout: ``annotations/instances_train2017.json``, ``train2017/``, and the same for val."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from data.images import require_folder

ANNOTATIONS = {split: f"annotations/instances_{split}2017.json" for split in ("train", "val")}
IMAGES = {split: f"{split}2017" for split in ("train", "val")}


@dataclass(frozen=True)
class COCOSplit:
    """One split of COCO, checked.

    Attributes:
        annotations: the JSON file.
        folder: of the images.
        images: how many it names.
        categories: their names, in the file's order: label i is the i-th one.
        category_ids: the file's own numbers of them.
        sha256: of the file.
    """

    annotations: Path
    folder: Path
    images: int
    categories: tuple[str, ...]
    category_ids: tuple[int, ...]
    sha256: str

    def fingerprint(self) -> dict[str, object]:
        """What identifies the split in a record."""
        return {"images": self.images, "classes": len(self.categories), "sha256": self.sha256}


def read_coco(root: Path, classes: int) -> dict[str, COCOSplit]:
    """The splits ``train`` and ``val``.

    Raises:
        InputError: an annotation file is missing, is no COCO JSON or names an image that is not on disk, or the
            categories are not as many as expected or not the same in both splits.
    """
    require_folder(root, "COCO")
    splits = {split: _read_split(root, split, classes) for split in ANNOTATIONS}
    train, val = splits["train"], splits["val"]
    of_train, of_val = (list(zip(split.category_ids, split.categories, strict=True)) for split in (train, val))
    for ours, theirs in zip(of_train, of_val, strict=True):
        if ours != theirs:
            raise InputError(
                f"{val.annotations} has the category {theirs[0]} {theirs[1]!r} where {train.annotations} has {ours[0]} "
                f"{ours[1]!r}: train and val need the same categories in the same order."
            )
    return splits


def _read_split(root: Path, split: str, classes: int) -> COCOSplit:
    path, folder = root / ANNOTATIONS[split], root / IMAGES[split]
    try:
        content = path.read_bytes()
        values = json.loads(content)
        named = [image["file_name"] for image in values["images"]]
        categories = [(int(category["id"]), str(category["name"])) for category in values["categories"]]
        _check_annotations(values, path)
    except FileNotFoundError:
        raise InputError(
            f"The COCO folder {root} has no {ANNOTATIONS[split]}: restore it, or set data.coco.folder."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not COCO's JSON of instances ({type(error).__name__}: {error}): fetch it again."
        ) from None
    if len(categories) != classes:
        raise InputError(
            f"{path} has {len(categories)} categories, expected {classes}: restore the file, or set data.coco.classes."
        )
    require_folder(folder, "COCO")
    missing = sorted(set(named) - set(os.listdir(folder)))
    if missing:
        raise InputError(
            f"{path} names the image {folder / missing[0]}, which does not exist ({len(missing)} are missing): restore "
            "the files."
        )
    ids, names = zip(*categories, strict=True)
    return COCOSplit(path, folder, len(named), names, ids, hashlib.sha256(content).hexdigest())


def _check_annotations(values: Mapping[str, Any], path: Path) -> None:
    """Refuse annotations of an image or a category that the file does not have.

    Raises:
        InputError: there is one.
    """
    for key, owners in (("image_id", "images"), ("category_id", "categories")):
        known = {owner["id"] for owner in values[owners]}
        strange = sorted({note[key] for note in values["annotations"]} - known)
        if strange:
            raise InputError(f"{path} has annotations with {key} {strange[0]}, which is none of its {owners}: fix it.")
