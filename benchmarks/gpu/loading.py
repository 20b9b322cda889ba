"""Loading of JPEGs with all cores: two views of every image, as MoPro's training takes them."""

import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu.sizes import Sizes, configuration
from benchmarks.images import IMAGES, write_photographs
from benchmarks.measuring import seconds, spread, wait_for
from core.cores import usable_cores
from data.images import ImageTable
from data.loading import TrainingBatches, ViewedImages, permutations
from data.paths import Paths
from pretrain.pretraining import views_of
from pretrain.sources import Images

SIDES = (500, 375)  # the usual ones of WebVision's files
ROUNDS = 4
AHEAD = 2  # batches that a worker of torch's loader has begun before they are asked for


def measure(sizes: Sizes, device: torch.device) -> list[float]:
    """Images a second, in a few rounds, from files to normalised views on the device."""
    workers = usable_cores()
    ahead = AHEAD * workers
    batches = ahead + sizes.loaded + ahead  # the last are begun and not waited for: the end would seem faster
    config = configuration(sizes.step, sizes.step.mopro, workers=workers)
    with tempfile.TemporaryDirectory() as folder:
        names = write_photographs(Path(folder), SIDES, IMAGES)
        paths = Paths.of([names[number % IMAGES] for number in range(batches * sizes.step.batch)])
        images = ImageTable(Path(folder), paths, np.zeros(len(paths), np.int64), classes=2, source=Path(folder))
        source = Images(ViewedImages(images, views_of(config)), config, device)
        return _rates(source, sizes.step.batch, ahead, sizes.loaded // ROUNDS)


def _rates(source: Images, batch: int, ahead: int, share: int) -> list[float]:
    """Images a second in each round of ``share`` batches, once as many were taken as are loaded ahead."""
    order = TrainingBatches(len(source), batch, 1, permutations(len(source), seed=0))
    loaded = source.batches(order)

    def take(count: int) -> None:
        for _ in islice(loaded, count):
            pass
        wait_for(source.device)

    take(ahead)
    return [share * batch / seconds(lambda: take(share)) for _ in range(ROUNDS)]


def rows(loaded: list[float], needed: Mapping[str, float]) -> list[dict[str, str]]:
    """What is loaded, beside what trainings need.

    Args:
        loaded: images a second, in each round.
        needed: images a second of MoPro's training, by name.
    """
    median = float(np.median(loaded))
    of_loader = {
        "what": f"two views of JPEGs of {SIDES[0]} x {SIDES[1]}, {usable_cores()} workers",
        "images/s": f"{median:,.0f}",
        "from, to": spread(loaded, 0),
        "loaded / needed": "",
    }
    of_trainings = [
        {"what": name, "images/s": f"{rate:,.0f}", "from, to": "", "loaded / needed": f"{median / rate:.2f}"}
        for name, rate in needed.items()
    ]
    return [of_loader, *of_trainings]
