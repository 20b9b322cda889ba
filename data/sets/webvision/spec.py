"""WebVision in a profile: any number of training sets, its own or of another crawl that is laid out like it."""

from pydantic import model_validator

from core.config import Classes, Config, Fraction, Named, OnDisk, Positive
from data.config import DrawnSubset
from data.declaration import DataSetSpec


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
            checked. The lists of V1.0 name 2,439,574 and 50,000; of V2.0 only rounded numbers are published, 16 million
            and 290,000 (its authors' slides).
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


SPEC = DataSetSpec("webvision", Named[WebVisionSet], "data.sets.webvision.verification:checks", required=True)
