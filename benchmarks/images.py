"""From JPEG files to normalised batches: training's two views, and evaluation's centre crop.

The reference is what the authors' loader does: Pillow decodes, torchvision's transforms work on Pillow's images one by
one, and every view becomes a tensor of floats before the batch is made.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import core.vision  # noqa: F401  (makes torchvision importable)
from benchmarks.measuring import Comparison, compare, in_turn
from core.seeds import generator
from data.config import EvaluationView, TrainingViews
from data.images import ImageFile, ImageTable
from data.loading import EvaluationBatches, ViewedImages, batches
from data.miniature.sources import photographs
from data.paths import Paths
from data.views import (
    MEAN,
    STANDARD_DEVIATION,
    Piece,
    View,
    centre_view,
    compose,
    normalise,
    strong_view,
    weak_view,
)

from torchvision import transforms as T  # isort: skip

IMAGES, QUALITY, NOISE = 24, 90, 4  # of each size; JPEG quality; of a sensor, in gray levels
COPIES = 40  # of them all, where processes are started
SIZES = ((500, 375), (1600, 1200))  # the usual one of WebVision's files, and a large one
TRAINING = TrainingViews(size=224, crop_scale=(0.2, 1), jitter=0.4, grayscale=0.2)
EVALUATION = EvaluationView(resize=256, crop=224)
MEAN_ERROR, LARGEST_ERROR = 0.1, 3  # of the centre crop, in gray levels
ROUNDS = 15

Transform = Callable[[Image.Image], torch.Tensor]


class ReferenceImages(Dataset):
    """Pillow's images through torchvision's transforms."""

    def __init__(self, files: Sequence[Path], transforms: Sequence[Transform]) -> None:
        self.files = files
        self.transforms = transforms

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        with Image.open(self.files[index]) as file:
            image = file.convert("RGB")
        return [transform(image) for transform in self.transforms]


def measure_training(size: tuple[int, int]) -> Comparison:
    """Both views of every image; their distributions are held to torchvision's by tests."""
    flip, finish = T.RandomHorizontalFlip(), _finish()
    crop = T.RandomResizedCrop(TRAINING.size, scale=TRAINING.crop_scale)
    weak = T.Compose([crop, flip, finish])
    colours = [T.RandomGrayscale(TRAINING.grayscale), T.ColorJitter(*[TRAINING.jitter] * 4)]
    strong = T.Compose([crop, *colours, flip, finish])
    with _images(size) as images:
        what = f"two views for training, {IMAGES} JPEGs of {size[0]} x {size[1]}"
        return _compare(what, images, [weak, strong], [weak_view(TRAINING), strong_view(TRAINING)], goal=4)


def measure_evaluation(size: tuple[int, int]) -> Comparison:
    """The centre crop of every image.

    Raises:
        AssertionError: it differs from the reference's by more than the bounds.
    """
    reference = T.Compose([T.Resize(EVALUATION.resize), T.CenterCrop(EVALUATION.crop), _finish()])
    with _images(size) as images:
        _check(images, reference)
        what = f"centre crops, {IMAGES} JPEGs of {size[0]} x {size[1]}"
        return _compare(what, images, [reference], [centre_view(EVALUATION)], goal=2)


def measure_workers(size: tuple[int, int]) -> Comparison:
    """Both views of many images, loaded by two processes and by one."""
    with _images(size, copies=COPIES) as images:
        dataset = ViewedImages(images, [weak_view(TRAINING), strong_view(TRAINING)])

        def loaded_by(workers: int) -> None:
            for _ in batches(dataset, EvaluationBatches(len(images), IMAGES), workers):
                pass

        what = f"two views for training, {len(images)} JPEGs of {size[0]} x {size[1]}, 2 workers"
        return compare(what, "1 worker", lambda: loaded_by(1), lambda: loaded_by(2), rounds=5, goal=1.8)


def where_time_goes(size: tuple[int, int], training: TrainingViews = TRAINING) -> list[dict[str, str]]:
    """What the parts of two views take for each image, on one core; the least of some rounds, as parts are short."""
    weak, strong = weak_view(training), strong_view(training)
    with _images(size) as images:
        files = [images.open(index) for index in range(IMAGES)]
        drawn = _drawn(files, weak, strong)
        pixels = [file.pixels(min(piece.reduction for piece in of)) for file, of in zip(files, drawn, strict=True)]
        plain = [[replace(piece, finish=compose([])) for piece in of] for of in drawn]
        views = torch.stack([of[0].of(image) for of, image in zip(drawn, pixels, strict=True)])

        def show(pieces: list[list[Piece]]) -> None:
            for of, image in zip(pieces, pixels, strict=True):
                for piece in of:
                    piece.of(image)

        ways: dict[str, Callable[[], object]] = {
            "reading the files and their headers": lambda: [images.open(index) for index in range(IMAGES)],
            "decoding": lambda: [file.pixels() for file in files],
            "drawing random numbers": lambda: _drawn(files, weak, strong),
            "two crops, resized": lambda: show(plain),
            "the same, with colours and flips": lambda: show(drawn),
            "scaling to floats": lambda: [normalise(views) for _ in range(2)],
        }
        in_turn(ways, 1)
        taken = {name: 1000 * min(times) / IMAGES for name, times in in_turn(ways, ROUNDS).items()}
    taken["colours and flips"] = taken.pop("the same, with colours and flips") - taken["two crops, resized"]
    whole = sum(taken.values())
    return [
        {"part": name, "ms": f"{ms:.3f}", "share": f"{ms / whole:.0%}"}
        for name, ms in sorted(taken.items(), key=lambda part: -part[1])
    ]


def _drawn(files: Sequence[ImageFile], *views: View) -> list[list[Piece]]:
    return [
        [view(file.width, file.height, generator(0, "views", number)) for view in views]
        for number, file in enumerate(files)
    ]


def _finish() -> Transform:
    return T.Compose([T.ToTensor(), T.Normalize(MEAN, STANDARD_DEVIATION)])


@contextmanager
def _images(size: tuple[int, int], copies: int = 1) -> Iterator[ImageTable]:
    with tempfile.TemporaryDirectory() as folder:
        names = write_photographs(Path(folder), size, IMAGES) * copies
        labels = np.zeros(len(names), np.int64)
        yield ImageTable(Path(folder), Paths.of(names), labels, classes=1, source=Path(folder))


def write_photographs(folder: Path, size: tuple[int, int], count: int) -> list[str]:
    """Photographs of that width and height with a sensor's noise, as JPEG files; gives their names."""
    rng = generator(0, "benchmark")
    scenes = photographs()
    names = [f"{number:02}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        scene = np.asarray(scenes[number % len(scenes)].convert("RGB").resize(size), dtype=np.float32)
        noisy = scene + rng.normal(0, NOISE, scene.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / name, quality=QUALITY)
    return names


def _files(images: ImageTable) -> list[Path]:
    return [images.root / path.decode() for path in images.paths]


def _compare(
    what: str, images: ImageTable, transforms: Sequence[Transform], views: Sequence[View], goal: float
) -> Comparison:
    reference = DataLoader(ReferenceImages(_files(images), transforms), batch_size=IMAGES)
    ours = batches(ViewedImages(images, views), EvaluationBatches(IMAGES, IMAGES), workers=0)

    def run_reference() -> list[torch.Tensor]:
        (views,) = reference
        return views

    def run_ours() -> list[torch.Tensor]:
        ((views, _, _),) = ours
        return [normalise(view) for view in views]

    return compare(what, "Pillow and torchvision's transforms", run_reference, run_ours, rounds=ROUNDS, goal=goal)


def _check(images: ImageTable, reference: Transform) -> None:
    dataset = ViewedImages(images, [centre_view(EVALUATION)])
    deviation = 255 * torch.tensor(STANDARD_DEVIATION).view(3, 1, 1)
    for index, path in enumerate(_files(images)):
        (view,), _, _ = dataset[(0, index)]
        with Image.open(path) as file:
            difference = (normalise(view.unsqueeze(0))[0] - reference(file.convert("RGB"))).mul(deviation).abs()
        assert difference.mean() <= MEAN_ERROR and difference.max() <= LARGEST_ERROR, difference.max()
