"""What the miniature consists of."""

from pydantic import Field

from core.config import Config, Positive, Seed


class WebVisionPart(Config):
    """The web images, their noise, and a clean validation set.

    A web image is out of distribution with probability ``out_of_distribution``: it shows an animal, a handwritten
    digit or no item at all. Any other shows an item of a class; with probability ``label_noise`` among those, that is
    another class than the label says, all others being equally likely.
    """

    images: Positive
    label_noise: float = Field(ge=0, lt=1)
    out_of_distribution: float = Field(ge=0, lt=1)
    validation_images: Positive


class ImageNetPart(Config):
    """Clean images of the same classes."""

    images: Positive
    validation_images: Positive


class VOCPart(Config):
    """Canvases of 2 x 2 cells that hold 1 to 4 items each.

    ``difficult`` is the probability that an item is painted half transparent and marked difficult.
    """

    trainval_images: Positive
    test_images: Positive
    difficult: float = Field(ge=0, lt=1)


class Places205Part(Config):
    """Pieces of twelve photographs, each a class: of the left halves for training, of the right for validation."""

    images: Positive
    validation_images: Positive


class RenditionsPart(Config):
    """Synthetic renditions of held-out items (edges, silhouettes, halftone, inversion), of eight classes."""

    images: Positive


class PoolPart(Config):
    """Clean images that serve no training and no validation set; what a reference model gets wrong becomes hard."""

    images: Positive


class COCOPart(Config):
    """Canvases of up to eight items of ten classes, with their masks; ``canvas`` is the side in pixels."""

    canvas: int = Field(ge=64, le=4096, multiple_of=4)
    images: Positive
    validation_images: Positive


class MiniatureParts(Config):
    """The parts of a world; ``image_size`` is the side of its square images in pixels (VOC canvases: twice that)."""

    image_size: int = Field(ge=28, le=1024)
    webvision: WebVisionPart
    imagenet: ImageNetPart
    voc07: VOCPart
    places205: Places205Part
    imagenet_r: RenditionsPart
    imagenet_pool: PoolPart
    coco: COCOPart


class MiniatureConfig(MiniatureParts):
    """One world: ``seed`` draws its pictures, its noise and everything else that is random."""

    seed: Seed
