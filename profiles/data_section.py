"""The section of a profile that names the data sets."""

from pydantic import model_validator

from core.config import Classes, Config, Fraction, Named, OnDisk, Positive
from data.config import DrawnSubset


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
