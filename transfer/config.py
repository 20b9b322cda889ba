"""The configuration that transfer stages share with profiles; light to import."""

from pydantic import Field

from core.config import Config
from data.config import SubsetConfig, WeakViews
from pretrain.config import EvaluationConfig, TrainingConfig


class SVMConfig(Config):
    """Constants of scikit-learn's LinearSVC (squared hinge loss, L2 penalty, dual problem).

    Attributes:
        cost: C.
        tolerance: of the stopping criterion.
        iterations: at most.
    """

    cost: float = Field(gt=0)
    tolerance: float = Field(gt=0)
    iterations: int = Field(gt=0)


class OneVsRestSVMConfig(SVMConfig):
    """One classifier for each class; ``positive_weight`` is the class weight of the positives, negatives have 1."""

    positive_weight: float = Field(gt=0)


class LowShotConfig(EvaluationConfig):
    """Which data set, how many shots.

    Attributes:
        seed: of the draws: every checkpoint that is evaluated with it sees the same images.
        folder: the data set's.
        classes: how many it has.
        shots: values of k.
        draws: how often images are drawn for each k.
        svm: the classifier.
    """

    seed: int
    folder: str
    classes: int
    shots: tuple[int, ...]
    draws: int = Field(gt=1)
    svm: SVMConfig


class VOC07Config(LowShotConfig):
    """The same for multi-labels: ``svm`` are the one-vs-rest classifiers."""

    svm: OneVsRestSVMConfig


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

    imagenet: str
    classes: int = Field(gt=1)
    keep_classifier: bool
    subset: SubsetConfig
    views: WeakViews
    evaluate_every: int = Field(gt=0)
