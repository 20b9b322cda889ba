"""What the miniature consists of."""

from pydantic import Field

from core.config import Config


class WebVisionPart(Config):
    """The web images, their noise, and a clean validation set.

    A web image is out of distribution with probability ``out_of_distribution``: it shows an animal, a handwritten
    digit or no item at all. Any other shows an item of a class; with probability ``label_noise`` among those, that is
    another class than the label says, all others being equally likely.
    """

    images: int = Field(gt=0)
    label_noise: float = Field(ge=0, lt=1)
    out_of_distribution: float = Field(ge=0, lt=1)
    validation_images: int = Field(gt=0)


class ImageNetPart(Config):
    """Clean images of the same classes."""

    images: int = Field(gt=0)
    validation_images: int = Field(gt=0)


class VOCPart(Config):
    """Canvases of 2 x 2 cells that hold 1 to 4 items each.

    ``difficult`` is the probability that an item is painted half transparent and marked difficult.
    """

    trainval_images: int = Field(gt=0)
    test_images: int = Field(gt=0)
    difficult: float = Field(ge=0, lt=1)


class Places205Part(Config):
    """Pieces of twelve photographs, each a class: of the left halves for training, of the right for validation."""

    images: int = Field(gt=0)
    validation_images: int = Field(gt=0)


class RenditionsPart(Config):
    """Synthetic renditions of held-out items (edges, silhouettes, halftone, inversion), of eight classes."""

    images: int = Field(gt=0)


class PoolPart(Config):
    """Clean images that serve no training and no validation set; what a reference model gets wrong becomes hard."""

    images: int = Field(gt=0)


class COCOPart(Config):
    """Canvases of up to eight items of ten classes, with their masks; ``canvas`` is the side in pixels."""

    canvas: int = Field(ge=64, multiple_of=4)
    images: int = Field(gt=0)
    validation_images: int = Field(gt=0)


class MiniatureParts(Config):
    """The parts of a world; ``image_size`` is the side of its square images in pixels (VOC canvases: twice that)."""

    image_size: int = Field(ge=28)
    webvision: WebVisionPart
    imagenet: ImageNetPart
    voc07: VOCPart
    places205: Places205Part
    imagenet_r: RenditionsPart
    imagenet_pool: PoolPart
    coco: COCOPart


class MiniatureConfig(MiniatureParts):
    """One world: ``seed`` draws its pictures, its noise and everything else that is random."""

    seed: int = Field(ge=0)
