"""The model behind a profile's YAML file."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from core.config import Config
from core.instructions import Instructions
from data.config import DrawnSubset, EvaluationView, RandomSubset, SubsetConfig, TrainingViews, WeakViews
from data.miniature.config import MiniatureParts
from pretrain.config import (
    ArithmeticConfig,
    BackboneConfig,
    CrossEntropyConfig,
    MoProConfig,
    ReleasedFile,
    RuntimeConfig,
    ScheduleConfig,
)
from profiles.cost import Throughput
from robustness.config import ReferenceModel
from slurm.config import SlurmConfig
from slurm.jobs import Resources
from transfer.config import DetectionRecipe, DetectionSchedule, OneVsRestSVMConfig, SVMConfig


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

    folder: str
    classes: int = Field(gt=1)
    threshold: float | None = Field(default=None, ge=0, le=1)
    shares_imagenet_classes: bool = True
    subset: DrawnSubset | None = None
    exclusions: str | None = None
    train_lines: int | None = Field(default=None, gt=0)
    validation_lines: int | None = Field(default=None, gt=0)
    estimated_images: int | None = Field(default=None, gt=0)

    @property
    def images_to_train_on(self) -> int | None:
        """About how many; None where that is not known."""
        return self.subset.images if self.subset else self.train_lines or self.estimated_images


class Places205Set(Config):
    """A data set in Places205's layout: where it lies, and how many classes it has."""

    folder: str
    classes: int = Field(gt=1)


class COCOSet(Config):
    """A data set in COCO's layout: where it lies, and how many categories it has."""

    folder: str
    classes: int = Field(gt=0)


class ImageNetVariant(Config):
    """A data set of some of ImageNet's classes: its folder, and how many classes it must have, where that is known."""

    folder: str
    classes: int | None = Field(default=None, gt=1)


class Counts(Config):
    """How many images each part of a data set must have, for ``verify``; None where that is not checked.

    Published are, for ImageNet, 1,281,167 and 50,000 (ILSVRC 2012); VOC07, 5,011 and 4,952 (the challenge's
    statistics); Places205, 2,448,873 and 20,500 (its authors, 100 a class in val); ImageNet-R 30,000 and ImageNet-A
    7,500 (their papers); COCO 2017, 118,287 and 5,000 (the annotation files). The lists of WebVision V1.0 name
    2,439,574 and 50,000 images; of V2.0 only rounded numbers are published, 16 million and 290,000 (its authors'
    slides), so that its lines are not checked.
    """

    imagenet_train: int | None = Field(default=None, gt=0)
    imagenet_val: int | None = Field(default=None, gt=0)
    voc07_trainval: int | None = Field(default=None, gt=0)
    voc07_test: int | None = Field(default=None, gt=0)
    places205_train: int | None = Field(default=None, gt=0)
    places205_val: int | None = Field(default=None, gt=0)
    imagenet_r: int | None = Field(default=None, gt=0)
    imagenet_a: int | None = Field(default=None, gt=0)
    coco_train: int | None = Field(default=None, gt=0)
    coco_val: int | None = Field(default=None, gt=0)


class DataSets(Config):
    """Folders of the data sets: absolute, or relative to what the profile's miniature builds.

    A relative ``imagenet_a`` is relative to what the reference model of ``hard_images`` chose, where there is one.
    """

    webvision: dict[str, WebVisionSet]
    imagenet: str
    voc07: str
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
    sets: tuple[Literal["webvision", "imagenet"], ...]


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
    shots: tuple[int, ...] = Field(min_length=1)
    draws: int = Field(gt=1)
    svm: SVMConfig


class LowShotVOC07(LowShot):
    """The same for multi-labels: ``svm`` are the one-vs-rest classifiers."""

    svm: OneVsRestSVMConfig


class Robustness(Config):
    """The evaluation on ImageNet-R and ImageNet-A: view of the images, samples in a bin of the calibration error."""

    view: EvaluationView
    bin_size: int = Field(gt=0)


class Memorisation(Config):
    """Trainings that are repeated and watched: clean accuracy after every epoch, and what became of wrong labels.

    Attributes:
        view: of the images.
        methods: those that are watched, by name.
    """

    view: EvaluationView
    methods: tuple[str, ...] = Field(min_length=1)


class Finetuning(Config):
    """Fine-tuning on parts of ImageNet.

    Attributes:
        classes: how many ImageNet has.
        views: of the training images.
        view: of the validation images.
        schedule, arithmetic, runtime: of the training; the same for every subset.
        evaluate_every: epochs between two evaluations.
        subsets: by name, ``1pct`` for 1%; results/definitions.py says which names have columns in the table.
    """

    classes: int = Field(gt=1)
    views: WeakViews
    view: EvaluationView
    schedule: ScheduleConfig
    arithmetic: ArithmeticConfig
    runtime: RuntimeConfig
    evaluate_every: int = Field(gt=0)
    subsets: dict[str, SubsetConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_honest(self) -> "Finetuning":
        for name, subset in self.subsets.items():
            if isinstance(subset, RandomSubset) and name != f"{100 * subset.fraction:g}pct":
                raise ValueError(
                    f"the random subset {name} has fraction {subset.fraction:g}: call it {100 * subset.fraction:g}pct"
                )
        return self


class Detection(DetectionRecipe):
    """Detection and instance segmentation on COCO.

    Attributes:
        runtime: of the training.
        schedules: by name; results/definitions.py says which names have columns in the table.
        untrained_seeds: of backbones that are evaluated as they are initialised, beside the pretrained ones.
    """

    runtime: RuntimeConfig
    schedules: dict[str, DetectionSchedule] = Field(min_length=1)
    untrained_seeds: tuple[int, ...] = ()


class Evaluation(Config):
    """The evaluations, and what they share: images at once, loading processes."""

    batch_size: int = Field(gt=0)
    workers: int = Field(ge=0)
    accuracy: Accuracy
    lowshot_voc07: LowShotVOC07 | None = None
    lowshot_places205: LowShot | None = None
    robustness: Robustness | None = None
    finetune: Finetuning | None = None
    memorisation: Memorisation | None = None
    detection: Detection | None = None


class StageResources(Config):
    """Resources of each kind of job."""

    miniature: Resources = Resources()
    pretrain: Resources
    retrain: Resources = Resources()
    evaluate: Resources
    finetune: Resources = Resources()
    detection: Resources = Resources()


class ReleasedMethod(ReleasedFile):
    """A checkpoint that somebody else has released, evaluated beside ours.

    Attributes:
        pretrained_on: the title of what it was pretrained on, such as ``ImageNet``.
    """

    objective: Literal["released"]
    pretrained_on: str = Field(min_length=1)


ProfileMethod = Annotated[CrossEntropyConfig | MoProConfig | ReleasedMethod, Field(discriminator="objective")]


class Tolerances(Config):
    """How far ours may lie from the paper's and still reproduce it, for each table; one number stands for all."""

    accuracy: float = Field(ge=0)
    lowshot: float = Field(ge=0)
    finetune: float = Field(ge=0)
    coco: float = Field(ge=0)
    robustness: float = Field(ge=0)

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return dict.fromkeys(cls.model_fields, value)
        return value


class Claims(Config):
    """What the profile sets out to show: that one method is better than each of several baselines, by their names."""

    better: str
    baselines: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _compares_two(self) -> "Claims":
        if self.better in self.baselines:
            raise ValueError(f"{self.better} is among its own baselines")
        return self


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
        claims: which of them is compared with which.
        pretrain: constants that the methods share.
        retrain: noise cleaning and classifier re-training, where they are asked for.
        evaluate: the evaluations.
        tolerance: how far, in the unit of each figure, ours may lie from the paper's and still reproduce it.
        throughput: of a stated GPU, for the estimate of costs.
        resources: of each kind of job.
        slurm: how jobs are submitted to a cluster.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    compares_with: Literal["paper", "claims"]
    seeds: tuple[int, ...] = Field(min_length=1)
    instructions: Instructions | None = None
    miniature: MiniatureParts | None = None
    hard_images: ReferenceModel | None = None
    data: DataSets
    methods: dict[str, ProfileMethod] = Field(min_length=1)
    claims: Claims | None = None
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
        for name, method in self.methods.items():
            if isinstance(method, ReleasedMethod) and self.pretrain.backbone != BackboneConfig(depth=50):
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
        if "random" in self.methods:
            raise ValueError("methods.random: that is the name of the untrained backbones, choose another")
        return self

    @model_validator(mode="after")
    def _scenes_are_there(self) -> "Profile":
        if self.evaluate.lowshot_places205 and not self.data.places205:
            raise ValueError("evaluate.lowshot_places205 needs data.places205 with its folder and classes, found none")
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
