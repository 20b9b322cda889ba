"""The configurations of the robustness stages, and what profiles share with them; light to import."""

from typing import Literal

from pydantic import Field

from core.config import Config
from data.config import TrainingViews
from pretrain.config import BackboneConfig, EvaluationConfig, ScheduleConfig, TrainingConfig


class RobustnessConfig(EvaluationConfig):
    """Which data set of some of ImageNet's classes.

    Attributes:
        folder: the data set's.
        role: of the job that the folder is relative to, if it is relative.
        classes: how many the data set must have; None where any number will do.
        imagenet: ImageNet's folder, which says what class a synset is.
        imagenet_classes: how many ImageNet has.
        bin_size: samples in each bin of the calibration error.
    """

    folder: str
    role: Literal["data", "hard"]
    classes: int | None
    imagenet: str
    imagenet_classes: int = Field(gt=1)
    bin_size: int = Field(gt=0)


class ReferenceModel(Config):
    """A model that chooses hard images, and is itself never evaluated.

    Attributes:
        backbone: of another architecture than the evaluated models'.
        schedule: of its training, with cross-entropy on clean images.
        pool: folder of the images it chooses from.
    """

    backbone: BackboneConfig
    schedule: ScheduleConfig
    pool: str


class HardImagesConfig(TrainingConfig, EvaluationConfig):
    """Everything that determines which images are hard.

    Attributes:
        imagenet: ImageNet's folder; the reference model learns its training set.
        classes: how many it has.
        views: of the training images.
        pool: folder of the images to choose from.
    """

    imagenet: str
    classes: int = Field(gt=1)
    views: TrainingViews
    pool: str
