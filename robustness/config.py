"""The configurations of the robustness stages, and what profiles share with them; light to import."""

from typing import Literal

from core.config import Classes, Config, OnDisk, Positive
from data.config import EvaluationView, TrainingViews
from data.sets.imagenet_variants.spec import Published
from pretrain.config import BackboneConfig, EvaluationConfig, ScheduleConfig, TrainingConfig


class Protocol(Config):
    """How a data set is evaluated: view of the images, samples in a bin of the calibration error."""

    view: EvaluationView
    bin_size: Positive


class RobustnessConfig(Protocol, EvaluationConfig):
    """Which data set of some of ImageNet's classes.

    Attributes:
        folder: the data set's.
        role: of the job that the folder is relative to, if it is relative.
        classes: how many the data set must have, None where any number will do; or which of the published sets it is,
            whose synsets are known.
        imagenet: the folder like ImageNet's, which says what class a synset is; None for a published set.
        imagenet_classes: how many classes ImageNet has.
    """

    folder: OnDisk
    role: Literal["data", "hard"]
    classes: Classes | Published | None
    imagenet: OnDisk | None = None
    imagenet_classes: Classes


class ReferenceModel(Config):
    """A model that chooses hard images, and is itself never evaluated.

    Attributes:
        backbone: of another architecture than the evaluated models'.
        schedule: of its training, with cross-entropy on clean images.
        pool: folder of the images it chooses from.
    """

    backbone: BackboneConfig
    schedule: ScheduleConfig
    pool: OnDisk


class HardImagesConfig(TrainingConfig, EvaluationConfig):
    """Everything that determines which images are hard.

    Attributes:
        imagenet: ImageNet's folder; the reference model learns its training set.
        classes: how many it has.
        backbone: of the reference model.
        views: of the training images.
        pool: folder of the images to choose from.
    """

    imagenet: OnDisk
    classes: Classes
    backbone: BackboneConfig
    views: TrainingViews
    pool: OnDisk
