"""The section of a profile that says what is evaluated, and how; nothing that no table shows but for memorisation."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator, model_validator

from core.config import Classes, Config, Distinct, Name, Named, Positive, Seed
from data.config import EvaluationView, RandomSubset, SubsetConfig, WeakViews
from pretrain.config import ArithmeticConfig, RuntimeConfig, ScheduleConfig, Workers
from results.definitions import TABLES
from transfer.detection.config import DetectionRecipe, DetectionSchedule
from transfer.lowshot.config import Draws, OneVsRestSVMConfig, Shots, SVMConfig

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


class Accuracy(Config):
    """The accuracy of the pretrained classifier: the view of the images, and the validation sets."""

    view: EvaluationView
    sets: Distinct[tuple[Literal["webvision", "imagenet"], ...]] = Field(min_length=1)


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


class Memorisation(Config):
    """Trainings that are repeated and watched: clean accuracy after every epoch, and what became of wrong labels.

    Attributes:
        view: of the images.
        methods: those that are watched, by name.
    """

    view: EvaluationView
    methods: Distinct[tuple[Name, ...]] = Field(min_length=1)


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
    memorisation: Memorisation | None = None
    detection: Detection | None = None
