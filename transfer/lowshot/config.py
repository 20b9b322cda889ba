"""Configurations of the low-shot evaluation; light to import."""

from typing import Annotated

from pydantic import Field, field_validator

from core.config import Classes, Config, Distinct, OnDisk, Positive, PositiveNumber, Seed
from core.declarations import require_columns
from data.config import EvaluationView
from pretrain.config import EvaluationConfig

SHOTS = (1, 2, 4, 8, 16)  # that the table has columns for
Shots = Annotated[Distinct[tuple[Positive, ...]], Field(min_length=1)]
Draws = Annotated[int, Field(gt=1, le=10**4)]


class SVMConfig(Config):
    """Hyperparameters of scikit-learn's LinearSVC (squared hinge loss, L2 penalty, dual problem).

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


class Protocol(Config):
    """How a data set is evaluated: the view of the images, and ``draws`` repetitions for each number of shots.

    Attributes:
        view: of the images.
        shots: values of k.
        draws: how often images are drawn for each k.
        svm: the classifier.
    """

    view: EvaluationView
    shots: Shots
    draws: Draws
    svm: SVMConfig

    @field_validator("shots")
    @classmethod
    def _shots_have_columns(cls, shots: tuple[int, ...]) -> tuple[int, ...]:
        require_columns("a number of shots of", map(str, shots), map(str, SHOTS))
        return shots


class MultiLabelProtocol(Protocol):
    """The same for multi-labels: ``svm`` are the one-vs-rest classifiers."""

    svm: OneVsRestSVMConfig


class LowShotConfig(Protocol, EvaluationConfig):
    """Which data set.

    Attributes:
        seed: of the draws: every checkpoint that is evaluated with it sees the same images.
        folder: the data set's.
        classes: how many it has.
    """

    seed: Seed
    folder: OnDisk
    classes: Classes


class VOC07Config(MultiLabelProtocol, LowShotConfig):
    """The same for multi-labels."""
