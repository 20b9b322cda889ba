"""What the accuracy of pretrained classifiers takes, and its columns in the tables."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from core.config import Config, Distinct, values
from core.declarations import Column, Evaluation, Run, Source, Stage, Table, Work
from data.config import EvaluationView
from data.sets.imagenet.spec import SPEC as IMAGENET

STAGE = Stage("accuracy", "pretrain.accuracy.stage:run")
SETS = (("webvision", "WebVision"), ("imagenet", "ImageNet"))
RETRAINED_ROWS = ("MoPro (R50)",)  # published figures that are after re-training
VALIDATION_IMAGES_OF_A_CLASS = 50  # of both, as published


class Section(Config):
    """The accuracy of the pretrained classifier: the view of the images, and the validation sets."""

    view: EvaluationView
    sets: Distinct[tuple[Literal["webvision", "imagenet"], ...]] = Field(min_length=1)


def check(section: Section, profile: Any) -> None:
    """Where ImageNet is evaluated on, it has to be there."""
    if IMAGENET.key in section.sets:
        IMAGENET.require_in(profile, f"{IMAGENET.key} in evaluate.accuracy.sets")


def work(section: Section, run: Run) -> Iterable[Work]:
    """One job for each validation set that has the classifier's classes."""
    return accuracies(section, run, run.checkpoint, "")


def accuracies(section: Section, run: Run, checkpoint: Work, suffix: str) -> Iterable[Work]:
    """Of a checkpoint's classifier; the suffix tells it from the run's other classifier."""
    assert run.classifier is not None
    folders = {"webvision": run.classifier.web_images}
    if run.classifier.shares_imagenet_classes:
        folders["imagenet"] = Source("data.imagenet", run.profile.data.imagenet)
    for validation_set in section.sets:
        folder = folders.get(validation_set)
        if folder is not None:
            classes = run.classifier.classes
            part = {} if run.classifier.part is None else {"part": run.classifier.part}
            config = {
                "view": values(section.view),
                "layout": validation_set,
                "folder": folder.path,
                "classes": classes,
                **part,
            }
            images = VALIDATION_IMAGES_OF_A_CLASS * classes
            kind = f"accuracy-{validation_set}{suffix}"
            yield run.evaluation(kind, STAGE, config, folder, images=images, checkpoint=checkpoint)


SPEC = Evaluation(
    id="clean-accuracy",
    key="accuracy",
    section=Section,
    work=work,
    check=check,
    needs="classifier",
    is_required=True,
    tables=(
        Table(
            name="accuracy",
            title="Accuracy on clean validation images (%)",
            published="webvision",
            columns=tuple(
                Column(
                    f"{title} top-{k}{', re-trained' if suffix else ''}",
                    f"accuracy-{validation_set}{suffix}",
                    f"top{k}",
                    f"{validation_set}_top{k}",
                    published_for=RETRAINED_ROWS if suffix else None,
                    not_published_for=() if suffix else RETRAINED_ROWS,
                    is_optional=True,
                )
                for suffix in ("", "-retrained")
                for validation_set, title in SETS
                for k in (1, 5)
            ),
            definitions=(
                "Re-trained: a new linear classifier on the frozen trunk, with the labels that noise cleaning kept.",
            ),
            notes=("The paper's MoPro figures are after re-training.",),
        ),
    ),
)
