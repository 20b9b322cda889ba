"""What ships: one line each; everything else takes its knowledge from these declarations. Light to import.

Jobs and tables of evaluations come in this order. Methods are listed in pretrain, where
the training stage reads them too.
"""

from core.declarations import Evaluation
from data.declaration import DataSetSpec
from data.sets.coco import spec as coco
from data.sets.imagenet import spec as imagenet
from data.sets.imagenet_variants import spec as imagenet_variants
from data.sets.places205 import spec as places205
from data.sets.voc07 import spec as voc07
from data.sets.webvision import spec as webvision
from pretrain.accuracy import spec as accuracy
from pretrain.memorisation import spec as memorisation
from pretrain.methods.mopro import cleaning_spec
from robustness import spec as robustness
from transfer.detection import spec as detection
from transfer.finetuning import spec as finetuning
from transfer.lowshot import spec as lowshot

EVALUATIONS: tuple[Evaluation, ...] = (
    accuracy.SPEC,
    cleaning_spec.SPEC,
    lowshot.VOC07,
    lowshot.PLACES205,
    robustness.SPEC,
    finetuning.SPEC,
    memorisation.SPEC,
    detection.SPEC,
)

DATA_SETS: tuple[DataSetSpec, ...] = (
    webvision.SPEC,
    imagenet.SPEC,
    voc07.SPEC,
    places205.SPEC,
    coco.SPEC,
    imagenet_variants.IMAGENET_R,
    imagenet_variants.IMAGENET_A,
)
