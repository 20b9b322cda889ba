"""Configurations of what follows MoPro's pretraining; light to import."""

from core.config import Classes, OnDisk
from data.config import EvaluationView, TrainingViews
from pretrain.config import EvaluationConfig, TrainingConfig, TrainingSetConfig
from pretrain.methods.mopro.spec import MoProConfig


class CleaningConfig(EvaluationConfig, TrainingSetConfig):
    """Which training set is cleaned.

    Attributes:
        method: the MoPro of the checkpoint, with whose hyperparameters labels were corrected.
    """

    method: MoProConfig


class RetrainingConfig(TrainingConfig):
    """Everything that determines a re-trained classifier, beside the checkpoint and the cleaned labels.

    Attributes:
        webvision: the data set's folder.
        classes: number of classes of the data set.
        view: of the images: the centre, of which features are computed once, or pretraining's weak view.
    """

    webvision: OnDisk
    classes: Classes
    view: EvaluationView | TrainingViews
