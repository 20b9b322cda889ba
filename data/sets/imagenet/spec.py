"""ImageNet in a profile: its folder."""

from core.config import OnDisk
from data.declaration import DataSetSpec

SPEC = DataSetSpec(
    "imagenet",
    OnDisk,
    "data.sets.imagenet.verification:checks",
    {"imagenet_train": 1_281_167, "imagenet_val": 50_000},  # ILSVRC 2012
    licence="ImageNet's images belong to their owners, and are given for non-commercial research and education: see "
    "the terms at https://image-net.org/download.",
    title="ImageNet",
    finder="data.sets.imagenet.discovery:FINDER",
    manifest="data/sets/imagenet/manifest.yaml",
)
