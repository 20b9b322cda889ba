"""Configurations of fine-tuning; light to import."""

from core.config import Classes, Config, OnDisk, Positive
from data.config import EvaluationView, SubsetConfig, WeakViews
from pretrain.config import ArithmeticConfig, EvaluationConfig, RuntimeConfig, ScheduleConfig, TrainingConfig


class Recipe(Config):
    """How a part of ImageNet is trained on, the same for every part, and when val is evaluated.

    Attributes:
        classes: how many ImageNet has.
        views: of the training images.
        view: of the validation images.
        schedule, arithmetic, runtime: of the training.
        evaluate_every: epochs between two evaluations; the last epoch is always evaluated.
    """

    classes: Classes
    views: WeakViews
    view: EvaluationView
    schedule: ScheduleConfig
    arithmetic: ArithmeticConfig
    runtime: RuntimeConfig
    evaluate_every: Positive


class FinetuneConfig(Recipe, TrainingConfig, EvaluationConfig):
    """Which part of ImageNet.

    Attributes:
        imagenet: the data set's folder.
        keep_classifier: whether the pretrained classifier is the first one, because it has the same classes.
        subset: of the training images; a random one is drawn with the job's seed, the same for every checkpoint.
    """

    imagenet: OnDisk
    keep_classifier: bool
    subset: SubsetConfig
