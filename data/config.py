"""Configurations of views and of parts of data sets; light to import."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from core.config import (
    Ascending,
    Classes,
    Config,
    Fraction,
    FromList,
    NotNegative,
    OnDisk,
    Pixels,
    Positive,
    PositiveFraction,
    Seed,
)


class WeakViews(Config):
    """Hyperparameters of the weak view.

    Attributes:
        size: side of the square view, in pixels.
        crop_scale: the crop's area as a fraction of the image's, smallest and largest.
    """

    size: Pixels
    crop_scale: FromList[tuple[PositiveFraction, PositiveFraction]]

    @model_validator(mode="after")
    def _smallest_comes_first(self) -> "WeakViews":
        smallest, largest = self.crop_scale
        if smallest > largest:
            raise ValueError(f"crop_scale is [{smallest:g}, {largest:g}], expected the smallest first: turn them round")
        return self


class TrainingViews(WeakViews):
    """Hyperparameters of the weak and the strong view (paper, appendix; values of the authors' implementation).

    Attributes:
        jitter: strength of brightness, contrast, saturation and hue jitter in the strong view.
        grayscale: probability that the strong view loses its colour.
    """

    jitter: float = Field(ge=0, le=0.5)
    grayscale: Fraction


class EvaluationView(Config):
    """The central square of ``crop`` pixels after the shorter side was resized to ``resize`` pixels."""

    resize: Pixels
    crop: Pixels

    @model_validator(mode="after")
    def _square_lies_within(self) -> "EvaluationView":
        if self.crop > self.resize:
            raise ValueError(f"crop {self.crop} is larger than resize {self.resize}, the shorter side: lower it")
        return self


class RandomSubset(Config):
    """A uniform draw of a ``fraction`` of the images, without replacement."""

    kind: Literal["random"]
    fraction: PositiveFraction


class ListedSubset(Config):
    """The images that a text file names, one a line: absolute, or relative to what the profile's miniature builds."""

    kind: Literal["list"]
    file: OnDisk


class DrawnSubset(Config):
    """A uniform draw of so many ``images``, without replacement; a function of ``seed`` and of the set's lists."""

    seed: Seed
    images: Positive


class ClassPart(Config):
    """Some of the classes of a data set; those that are kept are numbered anew, in the same order.

    Attributes:
        of: how many classes the data set has on disk.
        labels: the numbers there of those that are kept, from 0; None for the first ones.
    """

    of: Classes
    labels: Ascending[tuple[NotNegative, ...]] | None = None

    def kept(self, classes: int) -> tuple[int, ...]:
        """The numbers of the ``classes`` that are kept.

        Raises:
            ValueError: there are not so many.
        """
        labels = tuple(range(classes)) if self.labels is None else self.labels
        if len(labels) != classes:
            raise ValueError(f"part.labels names {len(labels)} classes, but classes is {classes}: make them agree")
        if labels[-1] >= self.of:
            raise ValueError(f"part keeps class {labels[-1]}, but of {self.of} classes the last is {self.of - 1}")
        return labels


SubsetConfig = Annotated[RandomSubset | ListedSubset, Field(discriminator="kind")]
