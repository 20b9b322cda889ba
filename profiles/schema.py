"""The model behind a profile's YAML file."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from core.choices import Chosen
from core.config import (
    Config,
    Distinct,
    Named,
    NotNegativeNumber,
    Seed,
)
from core.instructions import Instructions
from data.config import TrainingViews
from data.miniature.config import MiniatureParts
from pretrain.config import (
    ArithmeticConfig,
    BackboneConfig,
    ReleasedFile,
    RuntimeConfig,
    ScheduleConfig,
)
from pretrain.methods.method import Method, TableRow
from pretrain.methods.registry import BY_OBJECTIVE, own_method
from profiles.cost import Throughput
from profiles.data_section import DataSets
from profiles.evaluation_section import Evaluation
from results.claimed import Claims
from robustness.config import ReferenceModel
from slurm.config import SlurmConfig
from slurm.jobs import Resources

RELEASED_CLASSES = 1000
NOTHING = "none"  # the pretraining set of what is not trained


class Pretraining(Config):
    """What all pretraining jobs share."""

    backbone: BackboneConfig
    views: TrainingViews
    schedule: ScheduleConfig
    arithmetic: ArithmeticConfig
    runtime: RuntimeConfig


class Retraining(Config):
    """Noise cleaning and classifier re-training, for every MoPro method that corrects labels in its pretraining.

    Attributes:
        view: of the images: ``centre`` (that of the accuracy evaluation) or ``weak`` (that of pretraining).
        schedule: length and learning rate.
    """

    view: Literal["centre", "weak"]
    schedule: ScheduleConfig


class StageResources(Config):
    """Resources of each kind of job."""

    miniature: Resources = Resources()
    pretrain: Resources
    retrain: Resources = Resources()
    evaluate: Resources
    finetune: Resources = Resources()
    detection: Resources = Resources()


def slug(title: str) -> str:
    """A title as a name, such as ``webvision-v1.0``."""
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-.")


def _title(text: str) -> str:
    if not slug(text) or not text.isprintable() or len(text) > 64:
        raise ValueError(f"found the title {text!a}, expected up to 64 characters with letters or digits among them")
    return text


class ReleasedMethod(ReleasedFile, TableRow):
    """A checkpoint that somebody else has released, evaluated beside ours.

    Attributes:
        pretrained_on: the title of what it was pretrained on, such as ``ImageNet``.
    """

    objective: Literal["released"]
    pretrained_on: Annotated[str, AfterValidator(_title)]


class UntrainedMethod(TableRow):
    """Backbones as they are initialised: what an evaluation is worth without any pretraining."""

    objective: Literal["untrained"]


CHECKPOINTS = {"released": ReleasedMethod, "untrained": UntrainedMethod}  # that are not pretrained here
ProfileMethod = Annotated[
    Method | ReleasedMethod | UntrainedMethod, Chosen("objective", {**BY_OBJECTIVE, **CHECKPOINTS}, own_method)
]


class Tolerances(Config):
    """How far ours may lie from the paper's and still reproduce it, for each table; one number stands for all."""

    accuracy: NotNegativeNumber
    lowshot: NotNegativeNumber
    finetune: NotNegativeNumber
    coco: NotNegativeNumber
    robustness: NotNegativeNumber

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return dict.fromkeys(cls.model_fields, value)
        return value


class Profile(Config):
    """A reproduction.

    Attributes:
        name: also of its folder below ``runs``.
        compares_with: ``paper`` sets the published figures beside ours; ``claims`` tests the paper's claims instead.
        seeds: of the pretraining runs, and of the worlds where there is a miniature.
        instructions: ``avx2`` holds the numerical libraries to what all x86-64 processors since 2013 have, so that
            figures don't depend on which one it is; null lets them use all.
        miniature: what a world holds, where the data are made: each seed builds one of its own, to which the data sets
            are relative.
        hard_images: the reference model that chooses each world's ImageNet-A.
        data: the data sets.
        methods: by name.
        pretrain: constants that the methods share.
        retrain: noise cleaning and classifier re-training, where they are asked for.
        evaluate: the evaluations.
        claims: what is tested; none where nothing is claimed.
        tolerance: how far, in the unit of each figure, ours may lie from the paper's and still reproduce it.
        throughput: of a stated GPU, for the estimate of costs.
        resources: of each kind of job.
        slurm: how jobs are submitted to a cluster.
    """

    name: str = Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")
    compares_with: Literal["paper", "claims"]
    seeds: Distinct[tuple[Seed, ...]] = Field(min_length=1)
    instructions: Instructions | None = None
    miniature: MiniatureParts | None = None
    hard_images: ReferenceModel | None = None
    data: DataSets
    methods: Named[ProfileMethod] = Field(min_length=1)
    pretrain: Pretraining
    retrain: Retraining | None = None
    evaluate: Evaluation
    claims: Claims | None = None
    tolerance: Tolerances
    throughput: Throughput | None = None
    resources: StageResources
    slurm: SlurmConfig = SlurmConfig()

    @model_validator(mode="after")
    def _batch_fits(self) -> "Profile":
        tasks, batch_size = self.resources.pretrain.tasks, self.pretrain.schedule.batch_size
        if batch_size % tasks:
            raise ValueError(f"pretrain.schedule.batch_size {batch_size} is not divisible by {tasks} pretraining tasks")
        if self.retrain and self.retrain.schedule.batch_size % self.resources.retrain.tasks:
            raise ValueError(
                f"retrain.schedule.batch_size {self.retrain.schedule.batch_size} is not divisible by "
                f"{self.resources.retrain.tasks} re-training tasks"
            )
        finetune, tasks = self.evaluate.finetune, self.resources.finetune.tasks
        if finetune and finetune.schedule.batch_size % tasks:
            raise ValueError(
                f"evaluate.finetune.schedule.batch_size {finetune.schedule.batch_size} is not divisible by {tasks} "
                "fine-tuning tasks"
            )
        for name, method in self.pretrained.items():
            try:
                method.require_fitting(self.pretrain.schedule)
            except ValueError as error:
                raise ValueError(f"methods.{name}.{error}") from None
        return self

    @model_validator(mode="after")
    def _releases_fit(self) -> "Profile":
        for name in self.released:
            if self.pretrain.backbone != BackboneConfig(depth=50):
                raise ValueError(
                    f"methods.{name} is a released checkpoint of torchvision's ResNet-50, but pretrain.backbone is "
                    "another: leave the method out, or set pretrain.backbone to {depth: 50}"
                )
        return self

    @model_validator(mode="after")
    def _detection_fits(self) -> "Profile":
        detection, tasks = self.evaluate.detection, self.resources.detection.tasks
        if detection and detection.batch_size % tasks:
            raise ValueError(
                f"evaluate.detection.batch_size {detection.batch_size} is not divisible by {tasks} detection tasks"
            )
        if detection and not self.data.coco:
            raise ValueError("evaluate.detection needs data.coco with its folder and classes, found none")
        return self

    @model_validator(mode="after")
    def _names_are_free(self) -> "Profile":
        for name in self.data.webvision:
            if name.casefold() == NOTHING:
                raise ValueError(
                    f"data.webvision.{name}: {NOTHING} is the name of the untrained backbones', choose another"
                )
        return self

    @model_validator(mode="after")
    def _claims_are_about_its_methods(self) -> "Profile":
        for method, key in self.claims.methods.items() if self.claims else ():
            if method not in self.methods:
                raise ValueError(
                    f"claims.{key} names {method}, but methods has {', '.join(self.methods)}: name one of those, or "
                    "set claims to null"
                )
        return self

    @model_validator(mode="after")
    def _there_is_something_to_train_on(self) -> "Profile":
        if self.pretrained and not self.data.webvision:
            raise ValueError(
                f"methods.{next(iter(self.pretrained))} is to be pretrained, but data.webvision names no set: name "
                "one, or leave the method out"
            )
        return self

    @model_validator(mode="after")
    def _classifiers_fit(self) -> "Profile":
        """Where fine-tuning goes on with a pretrained classifier, that has as many classes."""
        if self.evaluate.finetune is None:
            return self
        classes = self.evaluate.finetune.classes
        found = {
            f"data.webvision.{name}.classes": part.classes
            for name, part in self.data.webvision.items()
            if part.shares_imagenet_classes
        }
        found |= {f"methods.{name}": RELEASED_CLASSES for name, it in self.released.items() if it.classifier == "web"}
        for key, other in found.items():
            if other != classes:
                raise ValueError(
                    f"evaluate.finetune.classes is {classes}, but {key} has {other}, of a classifier that is to be "
                    "fine-tuned: they are ImageNet's both, make them equal"
                )
        return self

    @model_validator(mode="after")
    def _one_process_builds(self) -> "Profile":
        if self.resources.miniature.tasks > 1:
            raise ValueError(
                f"resources.miniature.tasks is {self.resources.miniature.tasks}, but one task builds it: set 1"
            )
        return self

    @property
    def pretrained(self) -> dict[str, Method]:
        """The methods that are trained here, on every training set with every seed."""
        return {name: method for name, method in self.methods.items() if isinstance(method, Method)}

    @property
    def untrained(self) -> list[str]:
        """The methods that are backbones as they are initialised."""
        return [name for name, method in self.methods.items() if isinstance(method, UntrainedMethod)]

    @property
    def released(self) -> dict[str, ReleasedMethod]:
        """The methods that are somebody else's checkpoints."""
        return {name: method for name, method in self.methods.items() if isinstance(method, ReleasedMethod)}

    @model_validator(mode="after")
    def _what_is_evaluated_on_is_there(self) -> "Profile":
        if self.evaluate.lowshot_places205 and not self.data.places205:
            raise ValueError("evaluate.lowshot_places205 needs data.places205 with its folder and classes, found none")
        if self.evaluate.robustness and not (self.data.imagenet_r or self.data.imagenet_a):
            raise ValueError("evaluate.robustness needs data.imagenet_r or data.imagenet_a with its folder, found none")
        return self

    @model_validator(mode="after")
    def _watched_methods_are_trained(self) -> "Profile":
        trained = self.pretrained
        for name in self.evaluate.memorisation.methods if self.evaluate.memorisation else ():
            if name not in trained:
                raise ValueError(
                    f"evaluate.memorisation.methods names {name}, which is not trained here, only {', '.join(trained)} "
                    "are: take of these"
                )
        return self

    @model_validator(mode="after")
    def _reference_model_stands_apart(self) -> "Profile":
        if self.hard_images is not None:
            if self.miniature is None:
                raise ValueError(
                    "hard_images chooses among the miniature's images, but miniature is null: set both null"
                )
            if self.hard_images.backbone == self.pretrain.backbone:
                raise ValueError("hard_images.backbone is that of pretrain, whose models are evaluated: choose another")
        return self
