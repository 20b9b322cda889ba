"""Configurations of fine-tuning; light to import."""

from core.config import Classes, OnDisk, Positive
from data.config import SubsetConfig, WeakViews
from pretrain.config import EvaluationConfig, TrainingConfig


class FinetuneConfig(TrainingConfig, EvaluationConfig):
    """Which part of ImageNet, how it is trained on, and when val is evaluated.

    Attributes:
        imagenet: the data set's folder.
        classes: how many it has.
        keep_classifier: whether the pretrained classifier is the first one, because it has the same classes.
        subset: of the training images; a random one is drawn with the job's seed, the same for every checkpoint.
        views: of the training images.
        evaluate_every: epochs between two evaluations; the last epoch is always evaluated.
    """

    imagenet: OnDisk
    classes: Classes
    keep_classifier: bool
    subset: SubsetConfig
    views: WeakViews
    evaluate_every: Positive
