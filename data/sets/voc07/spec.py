"""VOC07 in a profile: the folder of its devkit."""

from core.config import OnDisk
from data.declaration import DataSetSpec

CLASSES = 20

SPEC = DataSetSpec(
    "voc07",
    OnDisk,
    "data.sets.voc07.verification:checks",
    {"voc07_trainval": 5_011, "voc07_test": 4_952},  # the challenge's statistics
    title="VOC07",
    finder="data.sets.voc07.discovery:FINDER",
    manifest="data/sets/voc07/manifest.yaml",
)
