"""Configurations of pretraining and of what is done with a checkpoint; light to import.

The paper's hyperparameters are in profiles/paper.yaml, with their sources.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from core.config import (
    Ascending,
    Classes,
    Config,
    FromList,
    Momentum,
    Name,
    NotNegativeNumber,
    OnDisk,
    Pixels,
    Positive,
    PositiveFraction,
    PositiveNumber,
    Seed,
)
from core.errors import InputError
from core.user_code import is_reference, load
from data.config import ClassPart, DrawnSubset, EvaluationView, TrainingViews
from data.sets.webvision.spec import SOURCES
from pretrain.layouts import NAMES
from pretrain.methods.registry import MethodConfig

Workers = Annotated[int, Field(ge=0, le=1024)]


class BackboneConfig(Config):
    """A ResNet of torchvision.

    Attributes:
        depth: 50 for the paper; 10 has one basic block a stage. From 50 on, blocks are bottlenecks.
        width: channels of the first stage, 64 in the published networks (basic blocks alone can have another).
        stem: ``imagenet`` is the 7 x 7 convolution with stride 2 and max-pooling; ``small`` a 3 x 3 convolution with
            stride 2 for images of 32 pixels or so.
    """

    depth: Literal[10, 18, 34, 50, 101, 152]
    width: int = Field(default=64, ge=8, le=1024)
    stem: Literal["imagenet", "small"] = "imagenet"

    @model_validator(mode="after")
    def _bottlenecks_have_their_width(self) -> "BackboneConfig":
        if self.has_bottlenecks and self.width != 64:
            raise ValueError(f"depth {self.depth} has width 64, found {self.width}: leave width out, or lower depth")
        return self

    @property
    def has_bottlenecks(self) -> bool:
        """Whether a block is three convolutions, and not two."""
        return self.depth >= 50


class ScheduleConfig(Config):
    """SGD with a step schedule.

    Attributes:
        epochs: passes over the training set.
        batch_size: of all processes together.
        learning_rate: at the start, for this batch size.
        decay_at: epochs (from 0, ascending, none of them the first) at whose start the learning rate is multiplied by
            ``decay``.
        momentum, weight_decay: of SGD.
    """

    epochs: Positive
    batch_size: Positive
    learning_rate: PositiveNumber
    decay_at: Ascending[tuple[Positive, ...]]
    decay: PositiveFraction
    momentum: Momentum
    weight_decay: NotNegativeNumber

    @model_validator(mode="after")
    def _decays_within(self) -> "ScheduleConfig":
        late = [epoch for epoch in self.decay_at if epoch >= self.epochs]
        if late:
            raise ValueError(
                f"decay_at names epoch {late[0]}, but of {self.epochs} epochs the last is {self.epochs - 1}: change "
                "decay_at with epochs ([] never decays)"
            )
        return self

    def learning_rate_in(self, epoch: int) -> float:
        """The learning rate of an epoch (from 0)."""
        return self.learning_rate * self.decay ** sum(epoch >= milestone for milestone in self.decay_at)


class ArithmeticConfig(Config):
    """How the encoder computes; changes the figures in their last digits.

    Attributes:
        precision: ``float32`` is the reference; the others run the encoder under autocast.
        channels_last: memory format of images and convolutions.
    """

    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = False


class RuntimeConfig(Config):
    """How a training job goes about its work; changes no figure, and no job's identity.

    Attributes:
        workers: image-loading processes for each training process.
        checkpoint_every: steps between two writings of the training state.
        log_every: steps between two lines of the log.
    """

    workers: Workers
    checkpoint_every: Positive
    log_every: Positive


class TrainingConfig(Config):
    """What the training loop needs to know.

    Attributes:
        seed: of initialisation, order and augmentation.
        schedule: length and learning rate.
        arithmetic: precision and memory format.
        runtime: how often state and log are written.
    """

    seed: Seed
    schedule: ScheduleConfig
    arithmetic: ArithmeticConfig
    runtime: RuntimeConfig


class TrainingSetConfig(Config):
    """Which web images are trained on.

    Attributes:
        webvision: the data set's folder.
        classes: how many are trained on.
        part: which of the data set's classes these are; None for all.
        sources: whose images are trained on.
        subset: how many of the images, drawn with which seed; None for all.
        exclusions: a list of relative paths, one a line, of images to leave out; None to leave out none.
        exclusions_sha256: of the list, by which it is identified in place of its path; None where its path is.
    """

    webvision: OnDisk
    classes: Classes
    part: ClassPart | None = None
    sources: FromList[tuple[Name, ...]] = SOURCES
    subset: DrawnSubset | None = None
    exclusions: OnDisk | None = None
    exclusions_sha256: str | None = None


class PretrainConfig(TrainingConfig, TrainingSetConfig):
    """Everything that determines a pretrained checkpoint.

    Attributes:
        method: with its hyperparameters.
        backbone: the ResNet.
        views: of the training images.
        objective_file: where the user's file lies that the method's ``objective`` names; None for a method that ships.
        objective_sha256: of its content, by which it is identified in place of its path.
    """

    method: MethodConfig
    backbone: BackboneConfig
    views: TrainingViews
    objective_file: OnDisk | None = None
    objective_sha256: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _objective_lies_there(cls, values: dict[str, Any]) -> dict[str, Any]:
        file = values.get("objective_file")
        if file is None:
            return values
        reference = f"{file}:{values['method']['objective'].rpartition(':')[2]}"
        if load(reference).sha256 != values["objective_sha256"]:
            raise InputError(f"{file} was changed after the job was planned: give the same command again.")
        return {**values, "method": {**values["method"], "objective": reference}}


class UntrainedConfig(Config):
    """An untrained backbone, initialised from a seed."""

    seed: Seed
    backbone: BackboneConfig


class CheckpointFile(Config):
    """A checkpoint that somebody else has trained.

    Attributes:
        file: its path.
        sha256: of its content, where it is known: the stage verifies it.
        classifier: ``none``: it has none of ImageNet's classes, or none that is to be evaluated; ``web``: it was
            trained on web images; ``imagenet``: on ImageNet's own labels, so that fine-tuning on a part of them would
            say nothing.
        classes: how many ImageNet has, and the classifier must have.
    """

    file: OnDisk
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    classifier: Literal["none", "web", "imagenet"] = "none"
    classes: Classes = 1000


class ReleasedFile(CheckpointFile):
    """A file of a ResNet's tensors; its ``sha256`` identifies it in place of its path.

    Attributes:
        layout: the only layout that is accepted, by its name in pretrain/layouts.py; None lets the keys decide.
        backbone: the ResNet that it must be; None lets names and shapes decide.
    """

    layout: str | None = None
    backbone: BackboneConfig | None = None

    @field_validator("layout")
    @classmethod
    def _layout_exists(cls, name: str | None) -> str | None:
        if name not in (None, *NAMES):
            raise ValueError(f"there is no layout {name}, expected one of {', '.join(NAMES)}")
        return name


class BuiltFile(CheckpointFile):
    """A file from which a user's function builds a module.

    Attributes:
        model: the function, ``path/of/file.py:build``; it is given the checkpoint's path.
    """

    model: str

    @field_validator("model")
    @classmethod
    def _model_is_a_function_in_a_file(cls, reference: str) -> str:
        if not is_reference(reference):
            raise ValueError(f"found {reference!a}, expected a file and a function in it, such as ./mine.py:build")
        return reference


class BuiltConfig(BuiltFile):
    """Everything that determines what is built.

    Attributes:
        model_sha256: of the user's file.
        model_file: where it lies.
        crop: side of the blank image that the module is shown, in pixels.
    """

    model_sha256: str
    model_file: OnDisk
    crop: Pixels

    @model_validator(mode="before")
    @classmethod
    def _function_lies_there(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "model": f"{values['model_file']}:{values['model'].rpartition(':')[2]}"}


class Built(Config):
    """A module to be built, from files of certain contents.

    Attributes:
        file, sha256: the checkpoint.
        model, model_sha256: the user's function, and its file's content.
        features: how many the module gives.
    """

    file: OnDisk
    sha256: str
    model: str
    model_sha256: str
    features: Positive


class EvaluationConfig(Config):
    """How images are shown to a checkpoint.

    Attributes:
        view: of the images.
        batch_size: of each process.
        workers: image-loading processes for each process; not part of the identity.
    """

    view: EvaluationView
    batch_size: Positive
    workers: Workers


class MemorisationConfig(PretrainConfig, EvaluationConfig):
    """A pretraining that is repeated and watched; ``imagenet`` is the folder whose val set gives clean accuracy."""

    imagenet: str


class AccuracyConfig(EvaluationConfig):
    """Which validation set (``layout``), where it lies, and which of its classes: all where ``part`` is None."""

    layout: Literal["webvision", "imagenet"]
    folder: OnDisk
    classes: Classes
    part: ClassPart | None = None
