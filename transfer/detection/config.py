"""Configurations of detection; light to import."""

from typing import Literal

from pydantic import Field, model_validator

from core.config import (
    Ascending,
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
from core.extras import EXTRAS
from pretrain.config import RuntimeConfig

PACKAGES = EXTRAS["detection"]


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


OperatorChoice = Literal["plain", "compiled"]


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
    operators: OperatorChoice = "compiled"

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
