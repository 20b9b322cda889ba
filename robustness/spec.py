"""What robustness takes on ImageNet-R and ImageNet-A, and its table; what it takes to choose hard images."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from core.config import values
from core.declarations import Column, Evaluation, Run, Source, Stage, Table, Work
from data.sets.imagenet.spec import SPEC as IMAGENET
from data.sets.imagenet_variants.spec import IMAGENET_A, IMAGENET_R, PUBLISHED_CLASSES, is_published
from data.sets.webvision.spec import require_whole
from robustness.config import Protocol, ReferenceModel

__all__ = ["HARD_IMAGES_STAGE", "SPEC", "ReferenceModel"]

HARD_IMAGES_STAGE = Stage("hard-images", "robustness.hard_images:run")
STAGE = Stage("robustness", "robustness.evaluation:run")
VARIANTS = (("imagenet-r", "ImageNet-R", IMAGENET_R), ("imagenet-a", "ImageNet-A", IMAGENET_A))  # with their titles
MAY_BE_CHOSEN = "imagenet-a"  # by a world, among its own images


def work(section: Protocol, run: Run) -> Iterable[Work]:
    """One job for each data set, for classifiers of ImageNet's classes."""
    if not run.shares_imagenet_classes:
        return
    assert run.classifier is not None
    imagenet, classes = Source("data.imagenet", run.profile.data.imagenet), run.classifier.classes
    for name, _, data_set in VARIANTS:
        key = data_set.key
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
        shown = run.evaluation(f"robustness-{name}", STAGE, config, *reads, images=data_set.images(run.profile, key))
        yield replace(shown, world=("data", "hard")) if chosen else shown


def check(section: Protocol, profile: Any) -> None:
    """There has to be something to evaluate on, of all of ImageNet's classes, which ImageNet names."""
    require_whole(profile, "evaluate.robustness")
    if not (profile.data.imagenet_r or profile.data.imagenet_a):
        raise ValueError("evaluate.robustness needs data.imagenet_r or data.imagenet_a with its folder, found none")
    for variant in (profile.data.imagenet_r, profile.data.imagenet_a):
        if variant is not None and variant.classes != PUBLISHED_CLASSES:
            IMAGENET.require_in(profile, "evaluate.robustness")


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
                for name, title, data_set in VARIANTS
                for column in (
                    Column(
                        f"{title} accuracy",
                        f"robustness-{name}",
                        "accuracy",
                        f"{data_set.key}_acc",
                        on=title,
                        is_optional=True,
                    ),
                    Column(
                        f"{title} calibration error",
                        f"robustness-{name}",
                        "calibration_error_without_last_bin",
                        f"{data_set.key}_calib",
                        lower_is_better=True,
                        on=title,
                        is_optional=True,  # of too few images for two bins
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
