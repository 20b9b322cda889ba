"""What robustness takes on ImageNet-R and ImageNet-A, and its table; what it takes to choose hard images."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from core.config import values
from core.declarations import Column, Evaluation, Run, Source, Stage, Table, Work
from data.synsets import is_published
from robustness.config import Protocol, ReferenceModel

__all__ = ["CHOICE_OF_HARD_IMAGES", "SPEC", "ReferenceModel"]

CHOICE_OF_HARD_IMAGES = Stage("hard-images", "robustness.hard_images:run")
STAGE = Stage("robustness", "robustness.evaluation:run")
VARIANTS = (  # name and title, the key below data, the name among the published figures, images as published
    ("imagenet-r", "ImageNet-R", "imagenet_r", 30_000),
    ("imagenet-a", "ImageNet-A", "imagenet_a", 7_500),
)
MAY_BE_CHOSEN = "imagenet-a"  # by a world, among its own images


def work(section: Protocol, run: Run) -> Iterable[Work]:
    """One job for each data set, for classifiers of ImageNet's classes."""
    if not run.shares_imagenet_classes:
        return
    assert run.classifier is not None
    imagenet, classes = Source("data.imagenet", run.profile.data.imagenet), run.classifier.classes
    for name, _, key, images in VARIANTS:
        variant = getattr(run.profile.data, key)
        if variant is None:
            continue
        chosen = name == MAY_BE_CHOSEN and run.has_chosen_hard_images
        knows_synsets = is_published(variant.classes, classes)  # otherwise ImageNet has to say which classes those are
        config = {
            **values(variant),
            "role": "hard" if chosen else "data",
            **({"classes": name} if knows_synsets else {"imagenet": imagenet.path}),
            "imagenet_classes": classes,
            **values(section),
        }
        reads = (Source(f"data.{key}.folder", variant.folder), *(() if knows_synsets else (imagenet,)))
        shown = run.evaluation(f"robustness-{name}", STAGE, config, *reads, images=images)
        yield replace(shown, world=("data", "hard")) if chosen else shown


def check(section: Protocol, profile: Any) -> None:
    """There has to be something to evaluate on."""
    if not (profile.data.imagenet_r or profile.data.imagenet_a):
        raise ValueError("evaluate.robustness needs data.imagenet_r or data.imagenet_a with its folder, found none")


SPEC = Evaluation(
    id="robustness",
    key="robustness",
    section=Protocol,
    work=work,
    needs="classifier",
    check=check,
    tables=(
        Table(
            name="robustness",
            title="Robustness: accuracy and RMS calibration error (%)",
            published="robustness",
            columns=tuple(
                column
                for name, title, published, _ in VARIANTS
                for column in (
                    Column(f"{title} accuracy", f"robustness-{name}", "accuracy", f"{published}_acc", on=title),
                    Column(
                        f"{title} calibration error",
                        f"robustness-{name}",
                        "calibration_error_without_last_bin",
                        f"{published}_calib",
                        lower_is_better=True,
                        on=title,
                    ),
                )
            ),
            definitions=(
                "Calibration error as the data sets' authors' script computes it: bins of 100 images, the last, most "
                "confident bin left out; the figure over all bins is in the records too.",
            ),
            notes=("torchvision's ResNet-50 was the filter that made ImageNet-A, hence its accuracy near 0 there.",),
        ),
    ),
)
