"""What noise cleaning and the re-training of the classifier take, and their columns in the tables."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from core.config import Config, require_divisible, values
from core.declarations import Column, Evaluation, Run, Stage, Table, Work
from pretrain.accuracy.spec import accuracies
from pretrain.config import ScheduleConfig
from pretrain.methods.mopro.spec import MoProConfig

CLEANING = Stage("cleaning", "pretrain.methods.mopro.cleaning:run")
RETRAINING = Stage("retraining", "pretrain.methods.mopro.retraining:run")
TRAINED_ON = (  # of a pretraining's configuration
    "webvision",
    "classes",
    "part",
    "sources",
    "subset",
    "exclusions",
    "exclusions_sha256",
)


class Section(Config):
    """Noise cleaning and classifier re-training, for every method that corrects labels in its pretraining.

    Attributes:
        view: of the images: ``centre`` (that of the accuracy evaluation) or ``weak`` (that of pretraining).
        schedule: length and learning rate.
    """

    view: Literal["centre", "weak"]
    schedule: ScheduleConfig


def check(section: Section, profile: Any) -> None:
    """The batch has to fit the tasks; and only MoPro's own labels can be cleaned by MoPro's rule."""
    batch_size, tasks = section.schedule.batch_size, profile.resources.retrain.tasks
    require_divisible(batch_size, tasks, "evaluate.retrain.schedule.batch_size", "re-training")
    for name, method in profile.pretrained.items():
        if method.corrects_labels_from is not None and type(method) is not MoProConfig:
            raise ValueError(
                f"methods.{name} corrects labels (its corrects_labels_from is {method.corrects_labels_from}), but "
                "evaluate.retrain cleans labels by MoPro's rule alone: let it be None, or set evaluate.retrain to null"
            )


def work(section: Section, run: Run) -> Iterable[Work]:
    """Noise cleaning, re-training, the new classifier's accuracy."""
    if not run.has_corrected_labels:
        return
    pretraining, profile = run.checkpoint, run.profile
    trained_on, options = (
        {key: it[key] for key in TRAINED_ON if key in it} for it in (pretraining.config, pretraining.options)
    )
    centre = values(profile.evaluate.accuracy.view)
    cleaning = run.evaluation(
        "cleaning",
        CLEANING,
        {**trained_on, "method": pretraining.config["method"], "view": centre},
        *pretraining.reads,
        images=run.training_images,
    )
    cleaning = replace(cleaning, options={**cleaning.options, **options})
    passes = 1 if section.view == "centre" else section.schedule.epochs  # of the centre, features are computed once
    retraining = Work(
        "retraining",
        RETRAINING,
        {
            "webvision": pretraining.config["webvision"],
            "classes": pretraining.config["classes"],
            "seed": run.seed,
            "view": centre if section.view == "centre" else values(profile.pretrain.views),
            "schedule": values(section.schedule),
            "arithmetic": values(profile.pretrain.arithmetic),
        },
        {"runtime": values(profile.pretrain.runtime)},
        {"checkpoint": pretraining, "cleaning": cleaning},
        reads=pretraining.reads[:1],  # what is left out of the training set, cleaning has left out
        resources="retrain",
        images={"evaluation": run.training_images and run.training_images * passes},
    )
    yield cleaning
    yield retraining
    yield from accuracies(profile.evaluate.accuracy, run, retraining, "-retrained")


SPEC = Evaluation(
    id="noise-cleaning",
    key="retrain",
    section=Section,
    work=work,
    needs="training",
    check=check,
    tables=(
        Table(
            name="cleaning",
            title="Noise cleaning against the true labels (%)",
            columns=tuple(
                Column(title, "cleaning", metric, is_optional=needs_truth)
                for title, metric, needs_truth in (
                    ("Noise corrected", "noise_corrected", True),
                    ("Clean kept", "clean_kept", True),
                    ("Out of distribution dropped", "out_of_distribution_dropped", True),
                    ("Kept", "kept", False),
                )
            ),
            definitions=(
                "Noise corrected: of the wrongly labelled images of a class, those kept with their true label. Clean "
                "kept: of the rightly labelled ones, those kept with their label. Kept: of all images.",
            ),
        ),
    ),
)
