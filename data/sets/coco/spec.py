"""COCO in a profile."""

from core.config import Config, OnDisk, Positive
from data.declaration import DataSetSpec


class COCOSet(Config):
    """A data set in COCO's folder structure: where it lies, and how many categories it has."""

    folder: OnDisk
    classes: Positive


SPEC = DataSetSpec(
    "coco",
    COCOSet,
    "data.sets.coco.verification:checks",
    {"coco_train": 118_287, "coco_val": 5_000},  # the annotation files of 2017
    title="COCO",
    finder="data.sets.coco.discovery:FINDER",
    manifest="data/sets/coco/manifest.yaml",
)
