"""Views: random (or centred) pieces of an image as the network sees them.

Images are 8-bit RGB arrays ``[height, width, 3]``, views 8-bit tensors ``[size, size, 3]``; scaling to floating point
happens once for a whole batch, on the device (:func:`normalise`). Every random number comes from the generator that is
passed in, and is drawn before the image is decoded, which may then be decoded smaller than it is. The distributions are
those of torchvision's ``RandomResizedCrop``, ``RandomGrayscale``, ``ColorJitter`` and ``RandomHorizontalFlip``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from data.config import EvaluationView, TrainingViews, WeakViews

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB
STANDARD_DEVIATION = (0.229, 0.224, 0.225)

Box = tuple[int, int, int, int]
Change = Callable[[np.ndarray], np.ndarray]

cv2.setNumThreads(0)  # parallelism is the loader's business


@dataclass(frozen=True)
class Piece:
    """What a view shows of one image; every random number is drawn.

    Attributes:
        image_width: of the whole image.
        box: left, top, width and height of the piece, in the same pixels.
        size: width and height that it is resized to.
        finish: what happens to the resized piece.
        reduction: how many times smaller the image may be decoded.
    """

    image_width: int
    box: Box
    size: tuple[int, int]
    finish: Change
    reduction: float

    def of(self, pixels: np.ndarray) -> torch.Tensor:
        """The view; the pixels may be those of the image decoded smaller."""
        factor = round(self.image_width / pixels.shape[1])
        left, top, box_width, box_height = self.box
        columns = slice(round(left / factor), round((left + box_width) / factor))
        rows = slice(round(top / factor), round((top + box_height) / factor))
        return torch.from_numpy(self.finish(resized(pixels[rows, columns], *self.size)))


View = Callable[[int, int, np.random.Generator], Piece]  # of an image's width and height


def weak_view(config: WeakViews) -> View:
    """Random resized crop, horizontal flip."""

    def view(width: int, height: int, rng: np.random.Generator) -> Piece:
        box = draw_crop(width, height, config.crop_scale, rng)
        return _resized_crop(width, box, config.size, _drawn_flip(rng))

    return view


def strong_view(config: TrainingViews) -> View:
    """Random resized crop, grayscale with some probability, colour jitter (always), horizontal flip."""

    def view(width: int, height: int, rng: np.random.Generator) -> Piece:
        box = draw_crop(width, height, config.crop_scale, rng)
        grayscale = [_gray] if rng.random() < config.grayscale else []
        changes = compose([*grayscale, jitter(config.jitter, rng), _drawn_flip(rng)])
        return _resized_crop(width, box, config.size, changes)

    return view


def centre_view(config: EvaluationView) -> View:
    """The shorter side resized, then the central square; draws nothing, and decodes at full size, as published."""

    def view(width: int, height: int, rng: np.random.Generator) -> Piece:
        scale = config.resize / min(height, width)
        # The longer side is rounded down, as torchvision does.
        new_height, new_width = (
            config.resize if side == min(height, width) else int(side * scale) for side in (height, width)
        )
        top, left = round((new_height - config.crop) / 2), round((new_width - config.crop) / 2)
        square = slice(top, top + config.crop), slice(left, left + config.crop)
        return Piece(width, (0, 0, width, height), (new_width, new_height), lambda whole: whole[square], reduction=1)

    return view


def normalise(images: torch.Tensor) -> torch.Tensor:
    """8-bit images ``[n, height, width, 3]`` as floats ``[n, 3, height, width]``, less ImageNet's mean, in deviations.

    Channels stay last in memory. A row of pixels is one vector to the arithmetic, as channels are too few for one.
    """
    count, height, width, _ = images.shape
    mean = 255 * torch.tensor(MEAN, device=images.device).repeat(width)
    scale = 1 / (255 * torch.tensor(STANDARD_DEVIATION, device=images.device).repeat(width))
    rows = images.reshape(count * height, width * 3).float().sub_(mean).mul_(scale)
    return rows.view(count, height, width, 3).permute(0, 3, 1, 2)


def _resized_crop(image_width: int, box: Box, size: int, finish: Change) -> Piece:
    """A square view, for which the image is decoded no smaller than keeps ``size`` pixels across and down the box."""
    return Piece(image_width, box, (size, size), finish, reduction=min(box[2:]) / size)


def draw_crop(
    width: int,
    height: int,
    scale: tuple[float, float],
    rng: np.random.Generator,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Box:
    """A box ``(left, top, width, height)`` inside the image, distributed as torchvision's ``RandomResizedCrop``.

    The area is uniform in ``scale`` times the image's, the logarithm of the aspect ratio uniform in ``ratio``; after
    ten boxes that do not fit, the largest central box with an allowed ratio is taken.
    """
    for _ in range(10):
        area = width * height * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        crop_width, crop_height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < crop_width <= width and 0 < crop_height <= height:
            left = int(rng.integers(width - crop_width + 1))
            top = int(rng.integers(height - crop_height + 1))
            return left, top, crop_width, crop_height
    crop_width = min(width, round(height * ratio[1]))
    crop_height = min(height, round(width / ratio[0]))
    return (width - crop_width) // 2, (height - crop_height) // 2, crop_width, crop_height


def jitter(strength: float, rng: np.random.Generator) -> Change:
    """Brightness, contrast, saturation and hue changed by random amounts, in random order.

    Args:
        strength: the first three factors are uniform in ``1 ± strength``, the hue's turn in ``± strength``.
        rng: draws factors and order.
    """
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    changes = colour_changes(brightness, contrast, saturation, turn=rng.uniform(-strength, strength))
    return compose([changes[number] for number in rng.permutation(4)])


def compose(changes: Sequence[Change]) -> Change:
    """One after the other, as one."""

    def change(colours: np.ndarray) -> np.ndarray:
        for one in changes:
            colours = one(colours)
        return colours

    return change


def colour_changes(brightness: float, contrast: float, saturation: float, turn: float) -> tuple[Change, ...]:
    """What the four numbers do to 8-bit images; every change rounds to 8 bits, as in torchvision.

    Args:
        brightness, contrast, saturation: factors, from 0.
        turn: of the hue, as a fraction of the full circle.
    """

    def turned(colours: np.ndarray) -> np.ndarray:
        hsv = cv2.cvtColor(colours, cv2.COLOR_RGB2HSV_FULL)
        hsv[..., 0] += np.uint8(round(256 * turn) % 256)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)

    return (
        lambda colours: cv2.convertScaleAbs(colours, alpha=brightness),
        lambda colours: cv2.addWeighted(colours, contrast, colours, 0, (1 - contrast) * _mean_luma(colours)),
        lambda colours: cv2.addWeighted(colours, saturation, _gray(colours), 1 - saturation, 0),
        turned,
    )


def resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Linear interpolation with antialiasing: Pillow's method, within a gray level or two, in a quarter of its time."""
    row, pixel, channel = image.strides
    # Said to be one image of a batch with channels last, it is read where it lies and comes back in the same order.
    planes = torch.from_numpy(image).as_strided((1, 3, *image.shape[:2]), (len(image) * row, channel, row, pixel))
    planes = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    return planes[0].permute(1, 2, 0).numpy()


def _drawn_flip(rng: np.random.Generator) -> Change:
    return partial(cv2.flip, flipCode=1) if rng.random() < 0.5 else compose([])


def _gray(colours: np.ndarray) -> np.ndarray:
    """The luma (ITU-R 601) in every channel."""
    return cv2.cvtColor(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _mean_luma(colours: np.ndarray) -> int:
    return round(cv2.mean(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY))[0])
