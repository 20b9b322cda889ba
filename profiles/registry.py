"""What ships, one line each; everything else takes its knowledge from these declarations. Light to import."""

from data.declaration import DataSetSpec
from data.sets.coco.spec import SPEC as COCO
from data.sets.imagenet.spec import SPEC as IMAGENET
from data.sets.imagenet_variants.spec import IMAGENET_A, IMAGENET_R
from data.sets.places205.spec import SPEC as PLACES205
from data.sets.voc07.spec import SPEC as VOC07
from data.sets.webvision.spec import SPEC as WEBVISION

DATA_SETS: tuple[DataSetSpec, ...] = (
    WEBVISION,
    IMAGENET,
    VOC07,
    PLACES205,
    COCO,
    IMAGENET_R,
    IMAGENET_A,
)
