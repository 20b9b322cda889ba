"""ImageNet-R and ImageNet-A in a profile."""

from typing import Literal

from core.config import Classes, Config, OnDisk
from data.declaration import DataSetSpec

Published = Literal["imagenet-r", "imagenet-a"]
PUBLISHED_CLASSES = 200  # of either, of 1,000


class ImageNetVariant(Config):
    """A data set of some of ImageNet's classes: its folder, and how many classes it must have, where that is known."""

    folder: OnDisk
    classes: Classes | None = None


def is_published(classes: int | None, imagenet_classes: int | None) -> bool:
    """Whether so many of ImageNet's classes are those of ImageNet-R or ImageNet-A: 200 of 1,000."""
    return (classes, imagenet_classes) == (PUBLISHED_CLASSES, 1000)


# The numbers of images are those of the data sets' papers.
IMAGENET_R = DataSetSpec(
    "imagenet_r",
    ImageNetVariant,
    "data.sets.imagenet_variants.verification:checks_r",
    {"imagenet_r": 30_000},
    title="ImageNet-R",
    finder="data.sets.imagenet_variants.discovery:FINDER_R",
    manifest="data/sets/imagenet_variants/manifest_r.yaml",
)
IMAGENET_A = DataSetSpec(
    "imagenet_a",
    ImageNetVariant,
    "data.sets.imagenet_variants.verification:checks_a",
    {"imagenet_a": 7_500},
    title="ImageNet-A",
    finder="data.sets.imagenet_variants.discovery:FINDER_A",
    manifest="data/sets/imagenet_variants/manifest_a.yaml",
)
