"""WebVision in a profile: any number of training sets, its own or of another crawl that is laid out like it."""

from typing import Any

from pydantic import Field, model_validator

from core.config import Classes, Config, Distinct, Fraction, Name, Named, OnDisk, Positive, Title
from data.config import ClassPart, DrawnSubset
from data.declaration import DataSetSpec

SOURCES = ("google", "flickr")


class WebVisionSet(Config):
    """A training set in WebVision's folder structure.

    Attributes:
        folder: where it lies.
        title: as tables print it; None for its name in the profile.
        classes: how many are trained on.
        part: which of its classes these are; None for all.
        sources: whose images are trained on: the name of each is part of its list's,
            ``info/train_filelist_<source>.txt``.
        threshold: MoPro's T for it, where it differs from the method's.
        shares_imagenet_classes: whether its label i on disk is ImageNet's class i, so that its classifier serves
            ImageNet too.
        subset: trains on a draw of the images alone. The paper's V0.5 is one of ImageNet's size (1,281,167) from V1.0;
            the authors' list is not published, so ours is another draw.
        exclusions: a list of relative paths, one a line, of training images to leave out, such as broken ones;
            absolute, or relative to what the profile's miniature builds.
        train_lines, validation_lines: how many images its lists must name, for ``verify``; None where that is not
            checked. The lists of V1.0 name 2,439,574 and 50,000; of V2.0 only rounded numbers are published, 16 million
            and 290,000 (its authors' slides).
        estimated_images: about how many training images it has where that is not known exactly, for costs alone.
    """

    folder: OnDisk
    title: Title | None = None
    classes: Classes
    part: ClassPart | None = None
    sources: Distinct[tuple[Name, ...]] = Field(default=SOURCES, min_length=1)
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

    @model_validator(mode="after")
    def _part_is_valid(self) -> "WebVisionSet":
        if self.part:
            self.part.kept(self.classes)
        return self

    @property
    def classes_on_disk(self) -> int:
        """How many the lists have."""
        return self.part.of if self.part else self.classes

    @property
    def trained_on(self) -> dict[str, Any]:
        """What of it determines a training, as JSON has it; what it does not have is not named."""
        chosen = self.model_dump(mode="json", include={"part", "subset", "exclusions"}, exclude_none=True)
        named = {"sources": list(self.sources)} if self.sources != SOURCES else {}
        return {"webvision": self.folder, "classes": self.classes, **chosen, **named}

    @property
    def images_to_train_on(self) -> int | None:
        """About how many; None where that is not known."""
        if self.subset:
            return self.subset.images
        listed = None if self.part else self.train_lines
        return listed or self.estimated_images


def require_whole(profile: Any, what: str) -> None:
    """What is of all of ImageNet's classes takes no classifier of some of them.

    Raises:
        ValueError: a training set of the profile keeps a part of ImageNet's classes.
    """
    for name, section in profile.data.webvision.items():
        if section.part and section.shares_imagenet_classes:
            raise ValueError(
                f"data.webvision.{name}.part keeps some of ImageNet's classes, but {what} is of all of them: set "
                f"{what} to null"
            )


SPEC = DataSetSpec(
    "webvision",
    Named[WebVisionSet],
    "data.sets.webvision.verification:checks",
    required=True,
    licence="WebVision's images were gathered from Flickr and Google, and each belongs to its owner: see the terms at "
    "https://data.vision.ee.ethz.ch/cvl/webvision/ (of images of your own, say here what you know).",
    title="WebVision",
    finder="data.sets.webvision.discovery:FINDER",
    manifest="data/sets/webvision/manifest.yaml",
)
