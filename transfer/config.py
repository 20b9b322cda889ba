"""The configuration that transfer stages share with profiles; light to import."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from core.config import (
    Ascending,
    Classes,
    Config,
    Distinct,
    Momentum,
    NotNegative,
    NotNegativeNumber,
    OnDisk,
    Pixels,
    Positive,
    PositiveNumber,
    Seed,
)
from data.config import SubsetConfig, WeakViews
from pretrain.config import EvaluationConfig, RuntimeConfig, TrainingConfig

DETECTION_PACKAGES = ("mmengine", "mmcv", "mmdet", "pycocotools", "faster_coco_eval")

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


class DetectionSchedule(Config):
    """Length in iterations, and the iterations (from 0, ascending) at which the learning rate is multiplied by 0.1."""

    iterations: Positive
    decay_at: Ascending[tuple[Positive, ...]]

    @model_validator(mode="after")
    def _decays_within(self) -> "DetectionSchedule":
        late = [iteration for iteration in self.decay_at if iteration >= self.iterations]
        if late:
            raise ValueError(
                f"decay_at names iteration {late[0]}, but of {self.iterations} the last is {self.iterations - 1}: "
                "change decay_at with iterations ([] never decays)"
            )
        return self


class DetectionHeads(Config):
    """Smaller parts around the backbone than Mask R-CNN's own, for images of 100 pixels or so.

    Attributes:
        channels: of the feature pyramid, the region proposals and the mask head.
        features: of the two fully connected layers of the box head.
        mask_convolutions: of the mask head.
        proposals: of an image, in training and test.
    """

    channels: Positive
    features: Positive
    mask_convolutions: Positive
    proposals: Positive


OperatorsAskedFor = Literal["plain", "compiled"]


class DetectionRecipe(Config):
    """Mask R-CNN's fine-tuning, all layers of it.

    Attributes:
        batch_size: images of all processes together.
        learning_rate: after the warm-up, for a batch of ``recipe_batch_size`` images.
        recipe_batch_size: that of the recipe; another one is refused unless the learning rate is scaled on purpose.
        scale_learning_rate: whether it is multiplied by batch_size / recipe_batch_size.
        momentum, weight_decay: of SGD.
        gradient_norm: above it, gradients are scaled down to it; None never does.
        warmup: iterations in which the learning rate rises linearly from a thousandth.
        short_sides: of the training images, in pixels; one is drawn for each image.
        short_side: of the test images.
        long_side: at most, of all images.
        precise_batch_norm: iterations of training data over which BatchNorm's statistics are averaged before the
            evaluation; with 0, the running averages of the training stay.
        heads: smaller ones than Mask R-CNN's own, where they are asked for.
        operators: for regions; ``plain`` ones in torch are the same on every machine, ``compiled`` ones serve where
            they are installed, and are faster.
    """

    batch_size: Positive
    learning_rate: PositiveNumber
    recipe_batch_size: Positive
    scale_learning_rate: bool = False
    momentum: Momentum
    weight_decay: NotNegativeNumber
    gradient_norm: PositiveNumber | None = None
    warmup: NotNegative
    short_sides: Distinct[tuple[Pixels, ...]] = Field(min_length=1)
    short_side: Pixels
    long_side: Pixels
    precise_batch_norm: NotNegative
    heads: DetectionHeads | None = None
    operators: OperatorsAskedFor = "compiled"

    @model_validator(mode="after")
    def _batch_is_the_recipes(self) -> "DetectionRecipe":
        if self.batch_size != self.recipe_batch_size and not self.scale_learning_rate:
            raise ValueError(
                f"batch_size {self.batch_size} is not the {self.recipe_batch_size} of the recipe: set "
                "scale_learning_rate to true to scale the learning rate with it"
            )
        return self

    @model_validator(mode="after")
    def _short_sides_are_shorter(self) -> "DetectionRecipe":
        longest = max(self.short_side, *self.short_sides)
        if longest > self.long_side:
            raise ValueError(f"a short side of {longest} pixels is longer than long_side, {self.long_side}: change one")
        return self

    @property
    def scaled_learning_rate(self) -> float:
        """The learning rate for the batch as it is."""
        return self.learning_rate * self.batch_size / self.recipe_batch_size


class DetectionConfig(DetectionRecipe):
    """Everything that determines a detector, beside the checkpoint.

    Attributes:
        seed: of the new layers, the order of images, their views and the choice of proposals.
        coco: the data set's folder.
        classes: how many categories it has.
        schedule: length and decay.
        runtime: loading processes, how often state and log are written; no part of the identity.
    """

    seed: Seed
    coco: OnDisk
    classes: Positive
    schedule: DetectionSchedule
    runtime: RuntimeConfig
