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
from data.images import ImageFile
from data.miniature.sources import photographs

from torchvision.transforms import ColorJitter, RandomResizedCrop, functional  # isort: skip

CONSTANTS = TrainingViews(size=28, crop_scale=(0.2, 1.0), jitter=0.4, grayscale=0.2)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return np.array(photographs()[1].resize((150, 100)))


def assert_near(ours: np.ndarray, theirs: Image.Image, mean: float, largest: int) -> None:
    """Bounds on the absolute differences of two 8-bit images, in gray levels."""
    differences = np.abs(ours.astype(int) - np.asarray(theirs).astype(int))
    assert differences.mean() <= mean
    assert differences.max() <= largest


@pytest.mark.parametrize("factor", [0.6, 0.9, 1.4])
def test_colour_changes_are_those_of_torchvision(photograph, factor):
    image = Image.fromarray(photograph)
    brightness, contrast, saturation, hue = views.colour_changes(factor, factor, factor, factor - 1)
    assert_near(brightness(photograph), functional.adjust_brightness(image, factor), mean=0.6, largest=1)
    assert_near(contrast(photograph), functional.adjust_contrast(image, factor), mean=0.6, largest=1)
    assert_near(saturation(photograph), functional.adjust_saturation(image, factor), mean=0.6, largest=1)
    assert_near(hue(photograph), functional.adjust_hue(image, factor - 1), mean=1, largest=10)  # both have 8 bits


@pytest.mark.parametrize("box", [(0, 0, 150, 100), (3, 5, 70, 90), (40, 20, 20, 15)])
def test_pieces_are_resized_as_torchvision_does(photograph, box):
    left, top, width, height = box
    ours = views.resized(photograph[top : top + height, left : left + width], 28, 28)
    theirs = functional.resized_crop(Image.fromarray(photograph), top, left, height, width, [28, 28])
    assert_near(ours, theirs, mean=0.1, largest=2)


def test_centre_view_is_that_of_torchvision(photograph):
    ours = views.centre_view(EvaluationView(resize=64, crop=56))(150, 100, generator(0, "unused")).of(photograph)
    theirs = functional.center_crop(functional.resize(Image.fromarray(photograph), [64]), [56])
    assert_near(ours.numpy(), theirs, mean=0.1, largest=2)


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
    ours = np.array([views.jitter(0.4, generator(0, "jitter", n))(small).mean(axis=(0, 1)) for n in range(draws)])
    torch.manual_seed(0)
    reference, image = ColorJitter(0.4, 0.4, 0.4, 0.4), Image.fromarray(small)
    theirs = np.array([np.asarray(reference(image)).mean(axis=(0, 1)) for _ in range(draws)])
    critical = 1.95 * np.sqrt(2 / draws)
    for channel in range(3):
        assert largest_gap(ours[:, channel], theirs[:, channel]) < critical


def test_the_same_generator_gives_the_same_view(photograph):
    for view in (views.weak_view(CONSTANTS), views.strong_view(CONSTANTS)):
        first, second, other = (view(150, 100, generator(3, "views", 1, n)).of(photograph) for n in (2, 2, 3))
        assert first.dtype == torch.uint8 and first.shape == (28, 28, 3)
        assert torch.equal(first, second)
        assert not torch.equal(first, other)


def test_an_image_that_was_decoded_smaller_gives_nearly_the_same_view(photograph, tmp_path):
    large = Image.fromarray(photograph).resize((1200, 801))
    large.save(tmp_path / "large.jpg", quality=95)
    file = ImageFile.opened((tmp_path / "large.jpg").read_bytes, tmp_path / "large.jpg", tmp_path)
    for factor in (1, 2, 4, 8):
        smaller = file.pixels(factor + 0.5)
        assert smaller.shape == (-(-801 // factor), 1200 // factor, 3)
        piece = views._resized_crop(1200, (200, 80, 640, 480), 60, views.compose([]))
        assert piece.reduction == 8
        whole, view = (piece.of(pixels).numpy().astype(int) for pixels in (file.pixels(), smaller))
        assert np.abs(whole - view).mean() < 1.5


def test_no_image_is_decoded_smaller_than_a_view_needs(photograph, tmp_path):
    """What is left of the box has as many pixels as the view, unless the image itself has fewer there."""
    path = tmp_path / "wide.jpg"
    Image.fromarray(photograph).resize((900, 300)).save(path)
    file = ImageFile.opened(path.read_bytes, path, tmp_path)
    factors = set()
    for number in range(100):
        piece = views.weak_view(CONSTANTS)(file.width, file.height, generator(0, "pieces", number))
        factor = round(file.width / file.pixels(piece.reduction).shape[1])
        assert factor == 1 or min(piece.box[2:]) / factor >= CONSTANTS.size
        factors.add(factor)
    assert factors >= {4, 8}


def test_normalise_removes_mean_and_deviation():
    images = torch.tensor([124, 116, 104], dtype=torch.uint8).expand(2, 4, 5, 3)
    expected = (images[0, 0, 0].float() / 255 - torch.tensor(views.MEAN)) / torch.tensor(views.STANDARD_DEVIATION)
    floats = views.normalise(images)
    assert floats.shape == (2, 3, 4, 5) and floats.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(floats[1, :, 3, 4], expected, atol=1e-5, rtol=0)
