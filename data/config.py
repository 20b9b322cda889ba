"""Constants of the views; light to import."""

from typing import Annotated, Literal

from pydantic import Field

from core.config import Config

Fraction = Annotated[float, Field(ge=0, le=1)]


class WeakViews(Config):
    """Constants of the weak view.

    Attributes:
        size: side of the square view, in pixels.
        crop_scale: the crop's area as a fraction of the image's, smallest and largest.
    """

    size: int = Field(gt=0)
    crop_scale: tuple[Fraction, Fraction]


class TrainingViews(WeakViews):
    """Constants of the weak and the strong view (paper, appendix; values of the authors' implementation).

    Attributes:
        jitter: strength of brightness, contrast, saturation and hue jitter in the strong view.
        grayscale: probability that the strong view loses its colour.
    """

    jitter: float = Field(ge=0, le=0.5)
    grayscale: Fraction


class EvaluationView(Config):
    """The central square of ``crop`` pixels after the shorter side was resized to ``resize`` pixels."""

    resize: int = Field(gt=0)
    crop: int = Field(gt=0)


class RandomSubset(Config):
    """A uniform draw of a ``fraction`` of the images, without replacement."""

    kind: Literal["random"]
    fraction: float = Field(gt=0, le=1)


class ListedSubset(Config):
    """The images that a text file names, one a line: absolute, or relative to what the profile's miniature builds."""

    kind: Literal["list"]
    file: str


class DrawnSubset(Config):
    """A uniform draw of so many ``images``, without replacement; a function of ``seed`` and of the set's lists."""

    seed: int = Field(ge=0)
    images: int = Field(gt=0)


SubsetConfig = Annotated[RandomSubset | ListedSubset, Field(discriminator="kind")]
