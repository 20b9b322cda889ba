"""From a table of images to batches of views, in an order that depends on the seed alone."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from core.seeds import generator
from data.images import ImageFile, ImageTable
from data.views import Piece, View

IMAGES_AT_ONCE = 8

Key = tuple[int, ...]  # (epoch, index), and the number of the copy where an epoch repeats images
Order = Callable[[int], np.ndarray]  # epoch -> [n, 1] indices, or [n, 2] indices and numbers of copies
Sample = tuple[list[torch.Tensor], torch.Tensor, int]  # views, label, index
Batch = tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]


class ViewedImages(Dataset):
    """Maps a key to views of one image; one decode serves all views.

    The augmentation is a function of seed and key: it does not depend on workers, ranks or interruptions.
    """

    def __init__(self, images: ImageTable, views: Sequence[View], seed: int = 0) -> None:
        self.images = images
        self.views = views
        self.seed = seed
        self.labels = torch.from_numpy(images.labels)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: Key) -> Sample:
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: Sequence[Key]) -> list[Sample]:
        """The samples of several keys, a few at a time: each stage's code then stays in the processor's caches."""
        samples = []
        for first in range(0, len(keys), IMAGES_AT_ONCE):
            few = keys[first : first + IMAGES_AT_ONCE]
            images = [self.images.open(index) for _, index, *_ in few]
            pieces = [self._draw(key, image) for key, image in zip(few, images, strict=True)]
            pixels = [image.pixels(min(p.reduction for p in of)) for image, of in zip(images, pieces, strict=True)]
            views = [[piece.of(image) for piece in of] for image, of in zip(pixels, pieces, strict=True)]
            samples += [(of, self.labels[index], index) for of, (_, index, *_) in zip(views, few, strict=True)]
        return samples

    def _draw(self, key: Key, image: ImageFile) -> list[Piece]:
        rng = generator(self.seed, "views", *key)
        return [view(image.width, image.height, rng) for view in self.views]


def permutations(images: int, seed: int) -> Order:
    """Every image once in each epoch, in an order that depends on seed and epoch."""
    return lambda epoch: generator(seed, "order", epoch).permutation(images)[:, np.newaxis]


class TrainingBatches(Sampler[list[Key]]):
    """This rank's share of every remaining batch of a training run, from ``first_step`` to the end.

    The last images of an epoch that do not fill a batch are left out, as the authors do. The global batch of a step is
    the same for every number of ranks; each rank takes a contiguous part.

    Args:
        images: how many make up an epoch.
        batch_size: of the global batch; the ranks must divide it.
        epochs: how many in the whole run.
        order: of the images of an epoch.
        first_step: number of steps that are already done.
        rank: this process's number.
        world_size: how many processes share each batch.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        epochs: int,
        order: Order,
        *,
        first_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.batch_size = batch_size
        self.order = order
        self.first_step = first_step
        self.share = batch_size // world_size
        self.offset = rank * self.share
        self.steps_per_epoch = images // batch_size
        self.epochs = epochs

    def __len__(self) -> int:
        return self.epochs * self.steps_per_epoch - self.first_step

    def __iter__(self) -> Iterator[list[Key]]:
        first_epoch, position = divmod(self.first_step, self.steps_per_epoch)
        for epoch in range(first_epoch, self.epochs):
            order = self.order(epoch)
            for step in range(position, self.steps_per_epoch):
                start = step * self.batch_size + self.offset
                yield [(epoch, *place) for place in order[start : start + self.share].tolist()]
            position = 0


class EvaluationBatches(Sampler[list[Key]]):
    """Every ``world_size``-th image, from ``rank``: over all ranks each image once, without padding.

    Attributes:
        numbers: of the batches that are given, from 0; all of them, unless some are chosen.
    """

    def __init__(self, images: int, batch_size: int, *, rank: int = 0, world_size: int = 1) -> None:
        self.indices = range(rank, images, world_size)
        self.batch_size = batch_size
        self.numbers: Sequence[int] = range(-(-len(self.indices) // batch_size))

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[list[Key]]:
        for number in self.numbers:
            start = number * self.batch_size
            yield [(0, index) for index in self.indices[start : start + self.batch_size]]


def batches(dataset: ViewedImages, sampler: Sampler[list[Key]], workers: int) -> DataLoader[Batch]:
    """Batches ``(views, labels, indices)``: a list of 8-bit ``[n, size, size, 3]`` tensors, then two ``[n]`` tensors.

    Args:
        dataset: the images and their views.
        sampler: which images make up which batch.
        workers: loading processes beside this one; with 0, images are loaded between the steps.
    """
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork" if workers else None,  # the table of images is shared, not copied
    )
