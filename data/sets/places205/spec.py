"""Places205 in a profile."""

from core.config import Classes, Config, OnDisk
from data.declaration import DataSetSpec


class Places205Set(Config):
    """A data set in Places205's folder structure: where it lies, and how many classes it has."""

    folder: OnDisk
    classes: Classes


SPEC = DataSetSpec(
    "places205",
    Places205Set,
    "data.sets.places205.verification:checks",
    {"places205_train": 2_448_873, "places205_val": 20_500},  # its authors; 100 images a class in val
    title="Places205",
    finder="data.sets.places205.discovery:FINDER",
    manifest="data/sets/places205/manifest.yaml",
)
