"""Configurations of the low-shot evaluation; light to import."""

from typing import Annotated

from pydantic import Field

from core.config import Classes, Config, Distinct, OnDisk, Positive, PositiveNumber, Seed
from pretrain.config import EvaluationConfig

Shots = Annotated[Distinct[tuple[Positive, ...]], Field(min_length=1)]
Draws = Annotated[int, Field(gt=1, le=10**4)]


class SVMConfig(Config):
    """Constants of scikit-learn's LinearSVC (squared hinge loss, L2 penalty, dual problem).

    Attributes:
        cost: C.
        tolerance: of the stopping criterion.
        iterations: at most.
    """

    cost: PositiveNumber
    tolerance: float = Field(gt=0, lt=1)
    iterations: Positive


class OneVsRestSVMConfig(SVMConfig):
    """One classifier for each class; ``positive_weight`` is the class weight of the positives, negatives have 1."""

    positive_weight: PositiveNumber


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

    seed: Seed
    folder: OnDisk
    classes: Classes
    shots: Shots
    draws: Draws
    svm: SVMConfig


class VOC07Config(LowShotConfig):
    """The same for multi-labels: ``svm`` are the one-vs-rest classifiers."""

    svm: OneVsRestSVMConfig
