"""Views: random (or centred) pieces of an image as the network sees them.

Every random number comes from the generator that is passed in, and every view is an 8-bit tensor; scaling to floating
point happens once for a whole batch, on the device (:func:`normalise`).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from core.vision import functional
from data.config import EvaluationView, TrainingViews

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB
STANDARD_DEVIATION = (0.229, 0.224, 0.225)

View = Callable[[Image.Image, np.random.Generator], torch.Tensor]


def weak_view(constants: TrainingViews) -> View:
    """Random resized crop, horizontal flip."""

    def view(image: Image.Image, rng: np.random.Generator) -> torch.Tensor:
        return to_tensor(_flip(_random_crop(image, constants, rng), rng))

    return view


def strong_view(constants: TrainingViews) -> View:
    """Random resized crop, grayscale with some probability, colour jitter (always), horizontal flip."""

    def view(image: Image.Image, rng: np.random.Generator) -> torch.Tensor:
        image = _random_crop(image, constants, rng)
        if rng.random() < constants.grayscale:
            image = functional.to_grayscale(image, num_output_channels=3)
        return to_tensor(_flip(_jitter(image, constants.jitter, rng), rng))

    return view


def centre_view(constants: EvaluationView) -> View:
    """Resize and centre crop; draws nothing."""

    def view(image: Image.Image, rng: np.random.Generator) -> torch.Tensor:
        return to_tensor(functional.center_crop(functional.resize(image, [constants.resize]), [constants.crop]))

    return view


def to_tensor(image: Image.Image) -> torch.Tensor:
    """An RGB image as an 8-bit tensor ``[3, height, width]``."""
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def normalise(images: torch.Tensor) -> torch.Tensor:
    """8-bit images ``[n, 3, height, width]`` as floats with ImageNet's mean and standard deviation removed."""
    mean = images.new_tensor([255 * value for value in MEAN], dtype=torch.float32).view(3, 1, 1)
    scale = images.new_tensor([1 / (255 * value) for value in STANDARD_DEVIATION], dtype=torch.float32).view(3, 1, 1)
    return (images.float() - mean) * scale


def draw_crop(
    width: int, height: int, scale: Sequence[float], rng: np.random.Generator, ratio: Sequence[float] = (3 / 4, 4 / 3)
) -> tuple[int, int, int, int]:
    """A box ``(left, top, width, height)`` inside the image, as torchvision's ``RandomResizedCrop`` draws it.

    The area is uniform in ``scale`` times the image's, the logarithm of the aspect ratio uniform in ``ratio``; after
    ten boxes that do not fit, the largest central box with an allowed ratio is taken.
    """
    for _ in range(10):
        area = width * height * rng.uniform(*scale)
        aspect = np.exp(rng.uniform(np.log(ratio[0]), np.log(ratio[1])))
        crop_width, crop_height = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if 0 < crop_width <= width and 0 < crop_height <= height:
            left = int(rng.integers(width - crop_width + 1))
            top = int(rng.integers(height - crop_height + 1))
            return left, top, crop_width, crop_height
    crop_width = min(width, round(height * ratio[1]))
    crop_height = min(height, round(width / ratio[0]))
    return (width - crop_width) // 2, (height - crop_height) // 2, crop_width, crop_height


def _random_crop(image: Image.Image, constants: TrainingViews, rng: np.random.Generator) -> Image.Image:
    left, top, width, height = draw_crop(*image.size, constants.crop_scale, rng)
    piece = image.crop((left, top, left + width, top + height))
    return piece.resize((constants.size, constants.size), Image.Resampling.BILINEAR)


def _flip(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def _jitter(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    hue = rng.uniform(-strength, strength)
    changes = (
        lambda image: functional.adjust_brightness(image, brightness),
        lambda image: functional.adjust_contrast(image, contrast),
        lambda image: functional.adjust_saturation(image, saturation),
        lambda image: functional.adjust_hue(image, hue),
    )
    for number in rng.permutation(4):
        image = changes[number](image)
    return image
