"""Views: random (or centred) pieces of an image as the network sees them.

Images are 8-bit RGB arrays ``[height, width, 3]``, views 8-bit tensors ``[size, size, 3]``; scaling to floating point
happens once for a whole batch, on the device (:func:`normalise`). Every random number comes from the generator that is
passed in. The distributions are those of torchvision's ``RandomResizedCrop``, ``RandomGrayscale``, ``ColorJitter`` and
``RandomHorizontalFlip``.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from data.config import EvaluationView, TrainingViews, WeakViews

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB
STANDARD_DEVIATION = (0.229, 0.224, 0.225)

View = Callable[[np.ndarray, np.random.Generator], torch.Tensor]
Change = Callable[[np.ndarray], np.ndarray]

cv2.setNumThreads(0)  # parallelism is the loader's business


def weak_view(constants: WeakViews) -> View:
    """Random resized crop, horizontal flip."""

    def view(image: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(_flip(_random_crop(image, constants, rng), rng))

    return view


def strong_view(constants: TrainingViews) -> View:
    """Random resized crop, grayscale with some probability, colour jitter (always), horizontal flip."""

    def view(image: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        colours = _random_crop(image, constants, rng)
        if rng.random() < constants.grayscale:
            colours = _gray(colours)
        return torch.from_numpy(_flip(jitter(colours, constants.jitter, rng), rng))

    return view


def centre_view(constants: EvaluationView) -> View:
    """The shorter side resized, then the central square; draws nothing."""

    def view(image: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        height, width = image.shape[:2]
        scale = constants.resize / min(height, width)
        # The longer side is rounded down, as torchvision does.
        height, width = (
            constants.resize if side == min(height, width) else int(side * scale) for side in (height, width)
        )
        whole = resized(image, height, width)
        top, left = round((height - constants.crop) / 2), round((width - constants.crop) / 2)
        return torch.from_numpy(whole[top : top + constants.crop, left : left + constants.crop])

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


def draw_crop(
    width: int,
    height: int,
    scale: tuple[float, float],
    rng: np.random.Generator,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> tuple[int, int, int, int]:
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


def jitter(colours: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation and hue changed by random amounts, in random order.

    Args:
        colours: ``[height, width, 3]``, 8-bit; every change rounds to 8 bits, as in torchvision.
        strength: the first three factors are uniform in ``1 ± strength``, the hue's turn in ``± strength``.
        rng: draws factors and order.
    """
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    changes = colour_changes(brightness, contrast, saturation, turn=rng.uniform(-strength, strength))
    for number in rng.permutation(4):
        colours = changes[number](colours)
    return colours


def colour_changes(brightness: float, contrast: float, saturation: float, turn: float) -> tuple[Change, ...]:
    """What the four numbers do to 8-bit images; ``turn`` is the hue's, as a fraction of the full circle."""

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


def _random_crop(image: np.ndarray, constants: WeakViews, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    left, top, crop_width, crop_height = draw_crop(width, height, constants.crop_scale, rng)
    return resized(image[top : top + crop_height, left : left + crop_width], constants.size, constants.size)


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Linear interpolation with antialiasing: Pillow's method, within a gray level or two, in a third of its time."""
    planes = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0)
    planes = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    return cv2.merge(list(planes.squeeze(0).numpy()))


def _flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.flip(image, 1) if rng.random() < 0.5 else image


def _gray(colours: np.ndarray) -> np.ndarray:
    """The luma (ITU-R 601) in every channel."""
    return cv2.cvtColor(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _mean_luma(colours: np.ndarray) -> int:
    return round(cv2.mean(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY))[0])
