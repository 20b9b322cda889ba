"""Views against torchvision's transforms: the same pixels for given factors, the same distributions otherwise."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import core.vision  # noqa: F401  (makes torchvision importable)
from core.seeds import generator
from data import views
from data.config import EvaluationView, TrainingViews
from data.miniature.sources import photographs

from torchvision.transforms import ColorJitter, RandomResizedCrop, functional  # isort: skip

CONSTANTS = TrainingViews(size=28, crop_scale=(0.2, 1.0), jitter=0.4, grayscale=0.2)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return np.asarray(photographs()[1].resize((150, 100)))


def reference_error(ours: np.ndarray, theirs: Image.Image) -> float:
    """Mean absolute difference in gray levels."""
    return float(np.abs(np.rint(ours) - np.asarray(theirs, dtype=np.float32)).mean())


@pytest.mark.parametrize("factor", [0.6, 0.9, 1.4])
def test_colour_changes_are_those_of_torchvision(photograph, factor):
    colours, image = photograph.astype(np.float32), Image.fromarray(photograph)
    gray = views._gray(colours)
    assert reference_error(views._blend(colours, 0.0, factor), functional.adjust_brightness(image, factor)) < 1
    contrast = views._blend(colours, np.rint(gray.mean()), factor)
    assert reference_error(contrast, functional.adjust_contrast(image, factor)) < 1
    assert reference_error(views._blend(colours, gray, factor), functional.adjust_saturation(image, factor)) < 1
    turned = views._turn_hue(colours, factor - 1)
    assert reference_error(turned, functional.adjust_hue(image, factor - 1)) < 2  # their hue has 8 bits


def test_centre_view_is_that_of_torchvision(photograph):
    ours = views.centre_view(EvaluationView(resize=64, crop=56))(photograph, generator(0, "unused"))
    theirs = functional.center_crop(functional.resize(Image.fromarray(photograph), [64]), [56])
    assert np.array_equal(ours.numpy().transpose(1, 2, 0), np.asarray(theirs))


@given(
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
    seed=st.integers(0, 1000),
    scale=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted).map(tuple),
)
def test_crops_lie_inside_the_image(width, height, seed, scale):
    left, top, crop_width, crop_height = views.draw_crop(width, height, scale, generator(seed, "crop"))
    assert left >= 0 and top >= 0 and crop_width >= 1 and crop_height >= 1
    assert left + crop_width <= width and top + crop_height <= height


def largest_gap(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The Kolmogorov-Smirnov statistic of two samples."""
    grid = np.sort(np.concatenate([ours, theirs]))
    shares = [np.searchsorted(np.sort(sample), grid, side="right") / len(sample) for sample in (ours, theirs)]
    return float(np.abs(shares[0] - shares[1]).max())


def test_crops_are_distributed_as_torchvisions():
    draws, width, height = 4000, 500, 375
    ours = np.array([views.draw_crop(width, height, (0.2, 1.0), generator(0, "crop", n)) for n in range(draws)])
    torch.manual_seed(0)
    blank = torch.zeros(1, height, width)
    boxes = [RandomResizedCrop.get_params(blank, [0.2, 1.0], [3 / 4, 4 / 3]) for _ in range(draws)]
    theirs = np.array([(left, top, crop_width, crop_height) for top, left, crop_height, crop_width in boxes])
    critical = 1.95 * np.sqrt(2 / draws)  # exceeded in one of a thousand comparisons of equal distributions
    for column in range(4):
        assert largest_gap(ours[:, column], theirs[:, column]) < critical


def test_jitter_is_distributed_as_torchvisions(photograph):
    """Compares the mean colour of jittered images, channel by channel."""
    draws = 1500
    small = np.asarray(Image.fromarray(photograph).resize((12, 8)))
    colours = small.astype(np.float32)
    ours = np.array([views.jitter(colours, 0.4, generator(0, "jitter", n)).mean(axis=(0, 1)) for n in range(draws)])
    torch.manual_seed(0)
    reference, image = ColorJitter(0.4, 0.4, 0.4, 0.4), Image.fromarray(small)
    theirs = np.array([np.asarray(reference(image)).mean(axis=(0, 1)) for _ in range(draws)])
    critical = 1.95 * np.sqrt(2 / draws)
    for channel in range(3):
        assert largest_gap(ours[:, channel], theirs[:, channel]) < critical


def test_the_same_generator_gives_the_same_view(photograph):
    for view in (views.weak_view(CONSTANTS), views.strong_view(CONSTANTS)):
        first, second = (view(photograph, generator(3, "views", 1, 2)) for _ in range(2))
        other = view(photograph, generator(3, "views", 1, 3))
        assert first.dtype == torch.uint8 and first.shape == (3, 28, 28)
        assert torch.equal(first, second)
        assert not torch.equal(first, other)


def test_normalise_removes_mean_and_deviation():
    images = torch.tensor([[124], [116], [104]], dtype=torch.uint8).expand(3, 16).reshape(1, 3, 4, 4)
    expected = (images[0, :, 0, 0].float() / 255 - torch.tensor(views.MEAN)) / torch.tensor(views.STANDARD_DEVIATION)
    torch.testing.assert_close(views.normalise(images)[0, :, 0, 0], expected, atol=1e-5, rtol=0)
