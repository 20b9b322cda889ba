"""Where the training loop takes its samples from: batches on the device, as the method takes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch.utils.data import Sampler

from data.loading import Key, ViewedImages, batches
from data.views import normalise
from pretrain.backbone import Classifier, memory_format
from pretrain.config import TrainingConfig


class Samples(NamedTuple):
    """Views ``[n, ...]``, labels ``[n]`` and indices ``[n]`` in the source, all on the device."""

    views: list[torch.Tensor]
    labels: torch.Tensor
    indices: torch.Tensor


Batches = Iterator[Samples]


class Source(Protocol):
    """Training samples that are found by the index in their key."""

    @property
    def origin(self) -> Path:
        """The file or folder that names the samples, for errors."""
        ...

    def __len__(self) -> int:
        """How many samples there are."""
        ...

    def batches(self, sampler: Sampler[list[Key]]) -> Batches:
        """For each list of keys its samples."""
        ...


class Images:
    """Views of images, as normalised floats.

    Args:
        dataset: the images, with the views that the method asks for.
        config: memory format, loading processes.
        device: that the batches are moved to.
    """

    def __init__(self, dataset: ViewedImages, config: TrainingConfig, device: torch.device) -> None:
        self.dataset = dataset
        self.memory_format = memory_format(config.arithmetic)
        self.workers = config.runtime.workers
        self.device = device

    @property
    def origin(self) -> Path:
        return self.dataset.images.source

    def __len__(self) -> int:
        return len(self.dataset)

    def batches(self, sampler: Sampler[list[Key]]) -> Batches:
        for views, labels, indices in batches(self.dataset, sampler, self.workers):
            moved = [normalise(view.to(self.device, non_blocking=True)) for view in views]
            images = [view.contiguous(memory_format=self.memory_format) for view in moved]
            yield Samples(images, labels.to(self.device, non_blocking=True), indices.to(self.device, non_blocking=True))


@dataclass(frozen=True)
class StreamedFeatures:
    """Pooled features of every view, computed when they are asked for by a model that does not learn."""

    images: Images
    model: Classifier

    @property
    def origin(self) -> Path:
        return self.images.origin

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, sampler: Sampler[list[Key]]) -> Batches:
        self.model.eval()
        for samples in self.images.batches(sampler):
            with torch.no_grad():
                features = [self.model.features(view) for view in samples.views]
            yield samples._replace(views=features)


@dataclass(frozen=True)
class CachedFeatures:
    """Pooled features ``[n, feature_size]`` that were computed once, and labels ``[n]``, on the device."""

    features: torch.Tensor
    labels: torch.Tensor
    origin: Path

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, sampler: Sampler[list[Key]]) -> Batches:
        for keys in sampler:
            rows = torch.tensor([index for _, index, *_ in keys], device=self.labels.device)
            yield Samples([self.features[rows]], self.labels[rows], rows)
