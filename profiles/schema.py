"""The model behind a profile's YAML file."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from core.config import (
    Classes,
    Config,
    Distinct,
    Fraction,
    Name,
    Named,
    NotNegativeNumber,
    OnDisk,
    Positive,
    Seed,
)
from data.config import DrawnSubset, EvaluationView, RandomSubset, SubsetConfig, TrainingViews, WeakViews
from data.miniature.config import MiniatureConfig
from pretrain.config import (
    ArithmeticConfig,
    BackboneConfig,
    CrossEntropyConfig,
    MoProConfig,
    ReleasedFile,
    RuntimeConfig,
    ScheduleConfig,
    Workers,
)
from profiles.cost import Throughput
from results.definitions import TABLES
from robustness.config import ReferenceModel
from slurm.config import SlurmConfig
from slurm.jobs import Resources
from transfer.config import DetectionRecipe, DetectionSchedule, Draws, OneVsRestSVMConfig, Shots, SVMConfig

RELEASED_CLASSES = 1000
UNTRAINED = "random"  # as a method; trained on the set none

COLUMNS = [column for table in TABLES for column in table.columns]


def refuse_without_column(what: str, asked: Iterable[str], shown: Iterable[str]) -> None:
    """What no table shows is not measured.

    Raises:
        ValueError: something that is asked for is not among what is shown.
    """
    possible = list(dict.fromkeys(shown))
    unseen = [name for name in asked if name not in possible]
    if unseen:
        raise ValueError(f"no table has a column for {what} {unseen[0]}, only for {', '.join(possible)}: take of these")


def shown_after(prefix: str) -> list[str]:
    """The evaluations in the tables whose name begins like that, without the beginning."""
    return [it.evaluation.removeprefix(prefix) for it in COLUMNS if it.evaluation.startswith(prefix)]


class WebVisionSet(Config):
    """A training set in WebVision's layout.

    Attributes:
        folder: where it lies.
        classes: how many it has.
        threshold: MoPro's T for it, where it differs from the method's.
        shares_imagenet_classes: whether its label i is ImageNet's class i, so that its classifier serves ImageNet too.
        subset: trains on a draw of the images alone. The paper's V0.5 is one of ImageNet's size (1,281,167) from V1.0;
            the authors' list is not published, so ours is another draw.
        exclusions: a list of relative paths, one a line, of training images to leave out, such as broken ones;
            absolute, or relative to what the profile's miniature builds.
        train_lines, validation_lines: how many images its lists must name, for ``verify``; None where that is not
            checked.
        estimated_images: about how many training images it has where that is not known exactly, for costs alone.
    """

    folder: OnDisk
    classes: Classes
    threshold: Fraction | None = None
    shares_imagenet_classes: bool = True
    subset: DrawnSubset | None = None
    exclusions: OnDisk | None = None
    train_lines: Positive | None = None
    validation_lines: Positive | None = None
    estimated_images: Positive | None = None

    @model_validator(mode="after")
    def _draw_is_smaller(self) -> "WebVisionSet":
        if self.subset and self.train_lines and self.subset.images > self.train_lines:
            raise ValueError(f"subset.images {self.subset.images} are more than the {self.train_lines} of train_lines")
        return self

    @property
    def images_to_train_on(self) -> int | None:
        """About how many; None where that is not known."""
        return self.subset.images if self.subset else self.train_lines or self.estimated_images


class Places205Set(Config):
    """A data set in Places205's layout: where it lies, and how many classes it has."""

    folder: OnDisk
    classes: Classes


class COCOSet(Config):
    """A data set in COCO's layout: where it lies, and how many categories it has."""

    folder: OnDisk
    classes: Positive


class ImageNetVariant(Config):
    """A data set of some of ImageNet's classes: its folder, and how many classes it must have, where that is known."""

    folder: OnDisk
    classes: Classes | None = None


class Counts(Config):
    """How many images each part of a data set must have, for ``verify``; None where that is not checked.

    Published are, for ImageNet, 1,281,167 and 50,000 (ILSVRC 2012); VOC07, 5,011 and 4,952 (the challenge's
    statistics); Places205, 2,448,873 and 20,500 (its authors, 100 a class in val); ImageNet-R 30,000 and ImageNet-A
    7,500 (their papers); COCO 2017, 118,287 and 5,000 (the annotation files). The lists of WebVision V1.0 name
    2,439,574 and 50,000 images; of V2.0 only rounded numbers are published, 16 million and 290,000 (its authors'
    slides), so that its lines are not checked.
    """

    imagenet_train: Positive | None = None
    imagenet_val: Positive | None = None
    voc07_trainval: Positive | None = None
    voc07_test: Positive | None = None
    places205_train: Positive | None = None
    places205_val: Positive | None = None
    imagenet_r: Positive | None = None
    imagenet_a: Positive | None = None
    coco_train: Positive | None = None
    coco_val: Positive | None = None


class DataSets(Config):
    """Folders of the data sets: absolute, or relative to what the profile's miniature builds.

    A relative ``imagenet_a`` is relative to what the reference model of ``hard_images`` chose, where there is one.
    """

    webvision: Named[WebVisionSet]
    imagenet: OnDisk
    voc07: OnDisk
    places205: Places205Set | None = None
    imagenet_r: ImageNetVariant | None = None
    imagenet_a: ImageNetVariant | None = None
    coco: COCOSet | None = None
    counts: Counts = Counts()


class Pretraining(Config):
    """What all pretraining jobs share."""

    backbone: BackboneConfig
    views: TrainingViews
    schedule: ScheduleConfig
    arithmetic: ArithmeticConfig
    runtime: RuntimeConfig


class Accuracy(Config):
    """The accuracy of the pretrained classifier: the view of the images, and the validation sets."""

    view: EvaluationView
    sets: Distinct[tuple[Literal["webvision", "imagenet"], ...]] = Field(min_length=1)


class Retraining(Config):
    """Noise cleaning and classifier re-training, for every MoPro method.

    Attributes:
        view: of the images: ``centre`` (that of the accuracy evaluation) or ``weak`` (that of pretraining).
        schedule: length and learning rate.
    """

    view: Literal["centre", "weak"]
    schedule: ScheduleConfig


class LowShot(Config):
    """The low-shot evaluation: its own view of the images, ``draws`` repetitions for each number of shots."""

    view: EvaluationView
    shots: Shots
    draws: Draws
    svm: SVMConfig

    @field_validator("shots")
    @classmethod
    def _shots_have_columns(cls, shots: tuple[int, ...]) -> tuple[int, ...]:
        in_tables = (it.metric.removeprefix("k") for it in COLUMNS if it.evaluation.startswith("lowshot-"))
        refuse_without_column("a number of shots of", map(str, shots), in_tables)
        return shots


class LowShotVOC07(LowShot):
    """The same for multi-labels: ``svm`` are the one-vs-rest classifiers."""

    svm: OneVsRestSVMConfig


class Robustness(Config):
    """The evaluation on ImageNet-R and ImageNet-A: view of the images, samples in a bin of the calibration error."""

    view: EvaluationView
    bin_size: Positive


class Finetuning(Config):
    """Fine-tuning on parts of ImageNet.

    Attributes:
        classes: how many ImageNet has.
        views: of the training images.
        view: of the validation images.
        schedule, arithmetic, runtime: of the training; the same for every subset.
        evaluate_every: epochs between two evaluations.
        subsets: by name, ``1pct`` for 1%; results/definitions.py says which there are.
    """

    classes: Classes
    views: WeakViews
    view: EvaluationView
    schedule: ScheduleConfig
    arithmetic: ArithmeticConfig
    runtime: RuntimeConfig
    evaluate_every: Positive
    subsets: Named[SubsetConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_honest(self) -> "Finetuning":
        for name, subset in self.subsets.items():
            if isinstance(subset, RandomSubset) and name != f"{100 * subset.fraction:g}pct":
                raise ValueError(
                    f"the random subset {name} has fraction {subset.fraction:g}: call it {100 * subset.fraction:g}pct"
                )
        refuse_without_column("a subset called", self.subsets, shown_after("finetune-"))
        return self


class Detection(DetectionRecipe):
    """Detection and instance segmentation on COCO.

    Attributes:
        runtime: of the training.
        schedules: by name; results/definitions.py says which there are.
        untrained_seeds: of backbones that are evaluated as they are initialised, beside the pretrained ones.
    """

    runtime: RuntimeConfig
    schedules: Named[DetectionSchedule] = Field(min_length=1)
    untrained_seeds: Distinct[tuple[Seed, ...]] = ()

    @model_validator(mode="after")
    def _schedules_fit(self) -> "Detection":
        refuse_without_column("a schedule called", self.schedules, shown_after("detection-"))
        for name, schedule in self.schedules.items():
            if self.warmup >= schedule.iterations:
                raise ValueError(
                    f"warmup {self.warmup} leaves nothing of the {schedule.iterations} iterations of {name}: lower it"
                )
        return self


class Evaluation(Config):
    """The evaluations, and what they share: images at once, loading processes."""

    batch_size: Positive
    workers: Workers
    accuracy: Accuracy
    lowshot_voc07: LowShotVOC07 | None = None
    lowshot_places205: LowShot | None = None
    robustness: Robustness | None = None
    finetune: Finetuning | None = None
    detection: Detection | None = None


class StageResources(Config):
    """Resources of each kind of job."""

    miniature: Resources = Resources()
    pretrain: Resources
    retrain: Resources = Resources()
    evaluate: Resources
    finetune: Resources = Resources()
    detection: Resources = Resources()


Title = Annotated[str, Field(max_length=64, pattern=r"^[\x20-\x7e]*[A-Za-z0-9][\x20-\x7e]*$")]


def slug(title: str) -> str:
    """A title as a name, such as ``webvision-v1.0``."""
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-.")


class ReleasedMethod(ReleasedFile):
    """A checkpoint that somebody else has released, evaluated beside ours.

    Attributes:
        pretrained_on: the title of what it was pretrained on, such as ``ImageNet``.
    """

    objective: Literal["released"]
    pretrained_on: Title


ProfileMethod = Annotated[CrossEntropyConfig | MoProConfig | ReleasedMethod, Field(discriminator="objective")]


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
        seeds: of the pretraining runs.
        miniature: built first, where there is one; the data sets are then relative to it.
        hard_images: the reference model that chooses the miniature's ImageNet-A.
        data: the data sets.
        methods: by name.
        pretrain: constants that the methods share.
        retrain: noise cleaning and classifier re-training, where they are asked for.
        evaluate: the evaluations.
        tolerance: how far, in the unit of each figure, ours may lie from the paper's and still reproduce it.
        throughput: of a stated GPU, for the estimate of costs.
        resources: of each kind of job.
        slurm: how jobs are submitted to a cluster.
    """

    name: str = Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")
    compares_with: Literal["paper", "claims"]
    seeds: Distinct[tuple[Seed, ...]] = Field(min_length=1)
    miniature: MiniatureConfig | None = None
    hard_images: ReferenceModel | None = None
    data: DataSets
    methods: Named[ProfileMethod] = Field(min_length=1)
    pretrain: Pretraining
    retrain: Retraining | None = None
    evaluate: Evaluation
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
        for name, method in self.methods.items():
            if isinstance(method, MoProConfig) and method.queue_size < batch_size:
                raise ValueError(
                    f"methods.{name}.queue_size {method.queue_size} is smaller than a batch of {batch_size} keys"
                )
        return self

    @model_validator(mode="after")
    def _releases_fit(self) -> "Profile":
        for name, method in self.released.items():
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
        for key, names, taken in (
            ("methods", self.methods, UNTRAINED),
            ("data.webvision", self.data.webvision, "none"),
        ):
            for name in names:
                if name.casefold() == taken:
                    raise ValueError(f"{key}.{name}: {taken} is the name of the untrained backbones', choose another")
        return self

    @model_validator(mode="after")
    def _there_is_something_to_train_on(self) -> "Profile":
        trained = [name for name in self.methods if name not in self.released]
        if trained and not self.data.webvision:
            raise ValueError(
                f"methods.{trained[0]} is to be pretrained, but data.webvision names no set: name one, or leave the "
                "method out"
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
    def _reference_model_stands_apart(self) -> "Profile":
        if self.hard_images is not None:
            if self.miniature is None:
                raise ValueError(
                    "hard_images chooses among the miniature's images, but miniature is null: set both null"
                )
            if self.hard_images.backbone == self.pretrain.backbone:
                raise ValueError("hard_images.backbone is that of pretrain, whose models are evaluated: choose another")
            if self.hard_images.seed in self.seeds:
                raise ValueError(f"hard_images.seed {self.hard_images.seed} is among seeds, those of evaluated models")
        return self
