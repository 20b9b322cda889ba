"""Views: random (or centred) pieces of an image as the network sees them.

Images are 8-bit RGB arrays ``[height, width, 3]``, views 8-bit tensors ``[3, size, size]``; scaling to floating point
happens once for a whole batch, on the device (:func:`normalise`). Every random number comes from the generator that is
passed in. The distributions are those of torchvision's ``RandomResizedCrop``, ``RandomGrayscale``, ``ColorJitter`` and
``RandomHorizontalFlip``.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
from PIL import Image

from data.config import EvaluationView, TrainingViews, WeakViews

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB
STANDARD_DEVIATION = (0.229, 0.224, 0.225)
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

View = Callable[[np.ndarray, np.random.Generator], torch.Tensor]

cv2.setNumThreads(0)  # parallelism is the loader's business


def weak_view(constants: WeakViews) -> View:
    """Random resized crop, horizontal flip."""

    def view(image: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        return to_tensor(_flip(_random_crop(image, constants, rng), rng))

    return view


def strong_view(constants: TrainingViews) -> View:
    """Random resized crop, grayscale with some probability, colour jitter (always), horizontal flip."""

    def view(image: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        colours = _random_crop(image, constants, rng).astype(np.float32)
        if rng.random() < constants.grayscale:
            colours[:] = _gray(colours)
        colours = jitter(colours, constants.jitter, rng)
        return to_tensor(_flip(np.rint(colours).astype(np.uint8), rng))

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
        resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        top, left = round((height - constants.crop) / 2), round((width - constants.crop) / 2)
        return to_tensor(resized[top : top + constants.crop, left : left + constants.crop])

    return view


def to_tensor(image: np.ndarray) -> torch.Tensor:
    """``[height, width, 3]`` as a tensor ``[3, height, width]``."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def normalise(images: torch.Tensor) -> torch.Tensor:
    """8-bit images ``[n, 3, height, width]`` as floats with ImageNet's mean and standard deviation removed."""
    mean = torch.tensor(MEAN, device=images.device).view(3, 1, 1) * 255
    scale = 1 / (255 * torch.tensor(STANDARD_DEVIATION, device=images.device).view(3, 1, 1))
    return (images.float() - mean) * scale


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
        colours: ``[height, width, 3]``, float32 in [0, 255].
        strength: the first three factors are uniform in ``1 ± strength``, the hue's turn in ``± strength``.
        rng: draws factors and order.
    """
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    turn = rng.uniform(-strength, strength)
    changes = (
        lambda colours: _blend(colours, 0.0, brightness),
        lambda colours: _blend(colours, np.rint(_gray(colours).mean()), contrast),
        lambda colours: _blend(colours, _gray(colours), saturation),
        lambda colours: _turn_hue(colours, turn),
    )
    for number in rng.permutation(4):
        colours = changes[number](colours)
    return colours


def _random_crop(image: np.ndarray, constants: WeakViews, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    left, top, crop_width, crop_height = draw_crop(width, height, constants.crop_scale, rng)
    piece = Image.fromarray(image[top : top + crop_height, left : left + crop_width])
    return np.asarray(piece.resize((constants.size, constants.size), Image.Resampling.BILINEAR))


def _flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image[:, ::-1] if rng.random() < 0.5 else image


def _gray(colours: np.ndarray) -> np.ndarray:
    """Luma ``[height, width, 1]`` (ITU-R 601)."""
    return (colours @ LUMA)[..., None]


def _blend(colours: np.ndarray, other: np.ndarray | float, factor: float) -> np.ndarray:
    mixed = colours * np.float32(factor) + np.float32(1 - factor) * np.asarray(other, dtype=np.float32)
    return np.clip(mixed, 0, 255, out=mixed)


def _turn_hue(colours: np.ndarray, turn: float) -> np.ndarray:
    """Hue turned by a fraction of the full circle."""
    hsv = cv2.cvtColor(colours, cv2.COLOR_RGB2HSV)  # hue in degrees
    hsv[..., 0] = (hsv[..., 0] + np.float32(360 * turn)) % 360
    return np.clip(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), 0, 255)
