"""COCO's folder structure: ``annotations/instances_train2017.json``, ``train2017/``, and the same for val."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.errors import InputError
from data.images import DECODING_ERRORS, ImageTable
from data.misplaced import FolderStructure, require_structure
from data.paths import Paths
from data.sets.coco.instances import Instances, read_instances
from data.sets.coco.rules import SHOWN, Size, annotation_faults, is_image, names_a_file

ANNOTATIONS = {split: f"annotations/instances_{split}2017.json" for split in ("train", "val")}
STRUCTURE = FolderStructure("COCO", "data.coco.folder", tuple(ANNOTATIONS.values()))
IMAGES = {split: f"{split}2017" for split in ("train", "val")}
HEADERS_AT_ONCE = 16  # reading them is waiting


@dataclass(frozen=True)
class COCOSplit:
    """One split of COCO, checked.

    Attributes:
        annotations: the JSON file.
        table: the images that it names, without labels.
        categories: their names, in the file's order: label i is the i-th one.
        category_ids: the file's own numbers of them.
    """

    annotations: Path
    table: ImageTable
    categories: tuple[str, ...]
    category_ids: tuple[int, ...]

    @property
    def folder(self) -> Path:
        """Of the images."""
        return self.table.root

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.table)

    def fingerprint(self) -> dict[str, object]:
        """What identifies the split in a record."""
        return self.table.fingerprint()


def read_coco(root: Path, classes: int) -> dict[str, COCOSplit]:
    """The splits ``train`` and ``val``, of which everything was checked but the images' pixels.

    Raises:
        InputError: one sentence for every kind of fault: an annotation file is missing or does not satisfy
            :mod:`data.sets.coco.rules`, an image is not on disk or of another size, or the categories are not as many
            as expected or not the same in both splits.
    """
    require_structure(root, STRUCTURE)
    splits: dict[str, COCOSplit] = {}
    faults: list[str] = []
    for split in ANNOTATIONS:
        try:
            instances = read_instances(root / ANNOTATIONS[split])
        except InputError as error:
            faults.append(error.sentence)
            continue
        of_split = split_faults(instances, root / IMAGES[split], classes, for_training=split == "train")
        faults += of_split
        if not of_split:
            splits[split] = _checked(instances, root / IMAGES[split])
    if not faults:
        faults += _differing_categories(splits["train"], splits["val"])
    if faults:
        raise InputError(" ".join(faults))
    return splits


def _checked(instances: Instances, folder: Path) -> COCOSplit:
    ids = tuple(category["id"] for category in instances.categories)
    names = tuple(category["name"] for category in instances.categories)
    return COCOSplit(instances.path, table_of(instances, folder), names, ids)


def table_of(instances: Instances, folder: Path) -> ImageTable:
    """The images whose ``file_name`` can be the name of a file, each with label 0."""
    paths = Paths.of(image["file_name"] for image in named_images(instances))
    labels, classes = np.zeros(len(paths), dtype=np.int64), len(instances.categories)
    return ImageTable(folder, paths, labels, classes, instances.path, names_sha256=instances.sha256)


def split_faults(instances: Instances, folder: Path, classes: int, *, for_training: bool) -> list[str]:
    """What is wrong with a split, one sentence for each kind of fault.

    Args:
        instances: its annotations.
        folder: of its images.
        classes: how many categories it must have.
        for_training: whether it must do for training, or for evaluation.
    """
    faults = annotation_faults(instances, for_training=for_training)
    if len(instances.categories) != classes:
        faults.append(
            f"{instances.path} has {len(instances.categories)} categories, expected {classes}: restore the file, or "
            "set data.coco.classes."
        )
    if not folder.is_dir():
        return [*faults, f"The COCO folder {folder} does not exist: restore it, or set data.coco.folder."]
    sizes = {
        image["file_name"]: (image["width"], image["height"]) if is_image(image) else None
        for image in named_images(instances)
    }
    return [*faults, *_image_faults(sizes, instances.path, folder)]


def named_images(instances: Instances) -> list[dict[str, Any]]:
    """The images whose ``file_name`` can be the name of a file."""
    return [image for image in instances.images if names_a_file(image.get("file_name"))]


def _image_faults(declared: Mapping[str, Size | None], path: Path, folder: Path) -> Iterator[str]:
    """Images that are not there, that are no images, or whose size is not what the annotation file says."""
    there = {entry.name for entry in os.scandir(folder) if entry.is_file()}
    missing = sorted(name for name in declared if name not in there and not (folder / name).is_file())
    if missing:
        yield (
            f"{path} names the image {folder / missing[0]}, which does not exist ({len(missing):,} are missing): "
            "restore the files."
        )
    names = sorted(declared.keys() - set(missing))
    with ThreadPoolExecutor(HEADERS_AT_ONCE) as pool:
        sizes = dict(zip(names, pool.map(_size_on_disk, (folder / name for name in names)), strict=True))
    unreadable = [name for name in names if sizes[name] is None]
    if unreadable:
        yield (
            f"The image {folder / unreadable[0]} (named in {path}) cannot be decoded, as its header is damaged "
            f"({len(unreadable):,} are like it): fetch it again."
        )
    differing = [
        f"{name}: {size[0]} x {size[1]}, not {said[0]} x {said[1]}"
        for name in names
        if (size := sizes[name]) and (said := declared[name]) and size != said
    ]
    if differing:
        listed = "; ".join(differing[:SHOWN]) + ("; ..." if len(differing) > SHOWN else "")
        yield (
            f"{path} gives {len(differing):,} images another width and height than they have in {folder} ({listed}): "
            "correct width and height, or fetch images and annotations of the same release."
        )


def _size_on_disk(path: Path) -> Size | None:
    """Width and height from an image's header; None where it has none."""
    try:
        with Image.open(path) as image:
            return image.size
    except DECODING_ERRORS:
        return None


def _differing_categories(train: COCOSplit, val: COCOSplit) -> list[str]:
    of_train, of_val = (list(zip(split.category_ids, split.categories, strict=True)) for split in (train, val))
    return [
        f"{val.annotations} has the category {theirs[0]} {theirs[1]!r} where {train.annotations} has {ours[0]} "
        f"{ours[1]!r}: train and val need the same categories in the same order."
        for ours, theirs in zip(of_train, of_val, strict=True)
        if ours != theirs
    ][:1]
